/* The module ucspi._stem: a fork of the interpreter whose child is our parent's.
 *
 * A stem serves for its server, which shall reap the handlers, know their pids
 * and send them signals as if it had started them.  So the clone has CLONE_PARENT.
 * libc has no such fork, and does for its own what the system call does not:
 * the child's thread id in the memory of the thread (CLONE_CHILD_SETTID), the list
 * of robust mutexes, and locks and handlers that only matter to who has threads.
 * With one thread no lock is held.  Where libc keeps the thread id, and that it
 * does, is asked and not assumed: system/forksibling.c.
 *
 * The kernel writes the pid into memory that the server sees before the child
 * runs, so the server can never find a child dead that it does not know. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "python/stemcall.h"
#include "python/stemenviron.h"
#include "python/stemflush.h"
#include "python/stemkept.h"
#include "system/beforeexec.h"
#include "system/forksibling.h"
#include "system/stempacket.h"

struct state {
  int32_t *cells; /* no child has this memory */
  size_t cell_count;
  struct usys_thread thread;
  struct sigaction hang_up; /* what handlers do at SIGHUP, which ends us */
  int dumpable;             /* what handlers are */
};

static int map_cells(struct state *state, int file)
{
  struct stat status;
  void *memory;

  if (fstat(file, &status))
    return -1;
  memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED)
    return -1;
  if (madvise(memory, (size_t)status.st_size, MADV_DONTFORK)) {
    munmap(memory, (size_t)status.st_size);
    return -1;
  }
  state->cells = memory;
  state->cell_count = (size_t)status.st_size / sizeof *state->cells;
  return 0;
}

/* Handlers run as the same user, and a client may have taken one over.  Whoever could trace us
 * would have all clients to come, and the channel. */
static void hide(struct state *state)
{
  int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

  if (dumpable == 1 && !prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    state->dumpable = 1;
}

static PyObject *stem_prepare(PyObject *module, PyObject *args)
{
  struct state *state = PyModule_GetState(module);
  struct sigaction action = { .sa_handler = SIG_DFL };
  int file;

  if (!PyArg_ParseTuple(args, "i", &file))
    return NULL;
  errno = usys_find_thread(&state->thread);
  if (errno || (!state->cells && map_cells(state, file)))
    return PyErr_SetFromErrno(PyExc_OSError);
  sigaction(SIGHUP, &action, &state->hang_up);
  hide(state);
  Py_RETURN_NONE;
}

/* What the child does before it is a Python again.  Every signal is blocked. */
static void become_child(const struct state *state, const struct usys_packet *packet, int channel)
{
  sigaction(SIGHUP, &state->hang_up, NULL);
  close(channel);
  if (state->dumpable)
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (packet->kind == USYS_SERVE) {
    usys_put_on(packet->descriptor, 0);
    usys_put_on(packet->descriptor, 1);
    close(packet->descriptor);
  }
  usys_write_log(packet->second, packet->second_length);
}

/* Fork for a packet; return the pid, 0 in the child, or a negative errno. */
static long fork_sibling(const struct state *state, const struct usys_packet *packet, int channel)
{
  sigset_t all, before;
  long pid;

  if (packet->slot >= state->cell_count)
    return -EINVAL;
  if (packet->descriptor < 0) /* there was no number left for it */
    return state->cells[packet->slot] = -EMFILE;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  PyOS_BeforeFork();
  pid = usys_fork_sibling(&state->thread, state->cells + packet->slot);
  if (pid) {
    if (pid < 0)
      state->cells[packet->slot] = (int32_t)pid;
    PyOS_AfterFork_Parent();
  } else {
    become_child(state, packet, channel);
    PyOS_AfterFork_Child();
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid;
}

/* Say to the server that a cell has an errno; it need not listen. */
static void tell(int channel, uint32_t slot, long error)
{
  struct {
    uint32_t slot;
    int32_t number;
  } answer = { slot, (int32_t)error };

  send(channel, &answer, sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static PyObject *build(const struct usys_packet *packet)
{
  return Py_BuildValue("Iy#y#i", packet->kind, packet->first, (Py_ssize_t)packet->first_length,
                       packet->second, (Py_ssize_t)packet->second_length, packet->descriptor);
}

/* Here no Python runs from one packet to the next but what it does before and after a fork:
 * each page that is written between two forks is copied. */
static PyObject *stem_fork_for_each(PyObject *module, PyObject *args)
{
  const struct state *state = PyModule_GetState(module);
  struct usys_packet packet;
  PyObject *base;
  int channel, came;
  long pid;
  char rest;

  if (!PyArg_ParseTuple(args, "i", &channel))
    return NULL;
  for (;;) {
    came = usys_receive_packet(channel, MSG_PEEK, ustem_buffer, &packet);
    if (came < 0 && errno == EINTR && !PyErr_CheckSignals())
      continue;
    if (came < 0)
      return PyErr_Occurred() ? NULL : PyErr_SetFromErrno(PyExc_OSError);
    if (!came)
      Py_RETURN_NONE;
    base = packet.kind == USYS_BASE ? build(&packet) : NULL;
    if (packet.kind == USYS_BASE && !base)
      return NULL;
    pid = base ? 1 : fork_sibling(state, &packet, channel);
    if (!pid)
      return build(&packet);
    if (packet.descriptor >= 0)
      close(packet.descriptor);
    recv(channel, &rest, 1, 0); /* now there is the process */
    if (base)
      return base;
    if (pid < 0)
      tell(channel, packet.slot, pid);
  }
}

static PyMethodDef methods[] = {
  { "prepare",       stem_prepare,       METH_VARARGS,
   "Get ready to fork, with the file of the cells; SIGHUP ends this process from now on, and no other of "
    "its user can trace it.  OSError: this system has no such fork."                                              },
  { "fork_for_each", stem_fork_for_each, METH_VARARGS, "Fork for each packet of a channel."                       },
  { "take",          ustem_take,         METH_VARARGS, "Take the next connection of a kept process."              },
  { "keep",          ustem_keep,         METH_VARARGS, "Note how a kept process is at first."                     },
  { "put_back",      ustem_put_back,     METH_NOARGS,  "Put back what a function may have changed."               },
  { "may_answer",    ustem_may_answer,   METH_NOARGS,  "Whether the channel and the pipe are what they were."     },
  { "flush",         ustem_flush,        METH_VARARGS, "Flush some files, and those of some types among objects." },
  { "set_environ",   ustem_set_environ,  METH_VARARGS,
   "Give the dictionary of os.environ, and C, exactly some entries."                                              },
  { "add_environ",   ustem_add_environ,  METH_VARARGS, "Give them these entries again, and some more."            },
  { "call",          ustem_call,         METH_VARARGS,
   "Call the C function at an address with two pointers; return its result, which is 0 in a child."               },
  { NULL,            NULL,               0,            NULL                                                       }
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_mod_gil
  { Py_mod_gil, Py_MOD_GIL_NOT_USED },
#endif
  { 0,          NULL                }
};

static struct PyModuleDef definition = {
  PyModuleDef_HEAD_INIT, .m_name = "ucspi._stem", .m_size = sizeof(struct state),
  .m_methods = methods,  .m_slots = slots,
};

PyMODINIT_FUNC PyInit__stem(void);

PyMODINIT_FUNC PyInit__stem(void)
{
  return PyModuleDef_Init(&definition);
}
