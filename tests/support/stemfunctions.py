"""A module of functions that serve connections: they tell what they see, and end in many ways."""

HANDLERS = r"""
import ctypes, json, os, random, resource, signal, ssl, subprocess, sys, tempfile, threading, time, uuid

forks = []
os.register_at_fork(before=lambda: forks.append("before"), after_in_child=lambda: forks.append("child"))


def tell(client, *names):
    client.writer.write(json.dumps({name: globals()["tell_" + name](client) for name in names}).encode())


def tell_process(client):
    return os.getpid(), os.getppid(), threading.get_native_id()


def tell_chance(client):
    secrets = ssl.RAND_bytes(16).hex(), os.urandom(16).hex()
    return random.random(), uuid.uuid4().hex, tempfile.mktemp(), *secrets


def tell_forks(client):
    return forks


def tell_threads(client):
    found = [threading.current_thread() is threading.main_thread(), threading.active_count()]
    thread = threading.Thread(target=lambda: found.append(threading.get_native_id() != os.getpid()))
    thread.start()
    thread.join()
    return found


def tell_signals(client):
    fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
    held = [fields[name].strip() for name in ("SigBlk", "SigIgn", "SigCgt")]
    return held, [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())]


def tell_place(client):
    limits = [resource.getrlimit(number) for number in range(16)]
    return os.getcwd(), os.umask(0o22), limits, os.getsid(0) == os.getpid()


def tell_standard(client):
    files = sys.stdin, sys.stdout, sys.stderr
    told = [(f.name, f.mode, f.encoding, f.errors, f.line_buffering, f.seekable(), f.fileno()) for f in files]
    return told, sys.argv, [sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__], sys.flags.__repr__()


def tell_environ(client):
    libc, entries = ctypes.CDLL(None), []
    array = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
    for i in range(10000):
        if array[i] is None:
            break
        entries.append(array[i].decode("latin-1"))
    libc.getenv.restype = ctypes.c_char_p
    names = {entry.partition("=")[0].encode("latin-1") for entry in entries}
    got = {name.decode("latin-1"): (libc.getenv(name) or b"-").decode("latin-1") for name in names}
    child = subprocess.run(["/usr/bin/env", "-0"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout
    ours = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in os.environb.items()]
    text = dict(os.environ), list(client.environ.items())
    return entries, sorted(got.items()), child.decode("latin-1"), ours, *text


def tell_descriptors(client):
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + name).partition(":")[0].replace("warm-log", "log")
            found[int(name)] = target, os.get_inheritable(int(name))
        except OSError:
            pass  # that of the list
    return sorted(found.items()), os.path.sameopenfile(0, 1)


def change(client):
    os.environ["NEW"], os.environ["SAID"] = "1", "changed"
    os.putenv("PUT", "2")
    del os.environ["GONE"]
    tell(client, "environ")


def code(client, number):
    return int(number)


def leave(client, why):
    sys.exit(eval(why))


def fail(client):
    client.writer.write(b"so far")
    raise ValueError("out of luck")


def quit(client):
    os._exit(7)


def crash(client):
    os.kill(os.getpid(), signal.SIGSEGV)


def wrong(client):
    return "done"


def write(client):
    client.reader.read(1)
    client.reader.peek()
    for _ in range(5):
        client.writer.write(b"x" * 10000)
        client.writer.flush()
        time.sleep(0.02)


def show(client):
    print("printed", end="")
    sys.stderr.write("complaint")


def echo(client):
    print(sys.stdin.readline(), end="")


def late(client):
    import atexit

    global both, file
    both = open("both", "w+b")
    both.write(b"held too\n")
    file = open("late", "a")
    file.write("held\n")
    atexit.register(lambda: os.write(2, b"at exit\n"))
    threading.Thread(target=lambda: (time.sleep(0.1), os.write(2, b"thread\n"))).start()


def spoil(client):
    os.chdir("/")
    os.umask(0)
    os.environ["SPOILT"] = "1"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.argv.append("spoilt")
    for _ in range(20):
        os.dup(0)


def stay(client):
    client.writer.write(b"here")
    client.writer.flush()
    time.sleep(1000)


def leave_child(client):
    if os.fork() == 0:
        os.setsid()
        os.dup2(2, 0)
        os.dup2(2, 1)
        time.sleep(2)
        os._exit(0)
    time.sleep(0.05)
"""
