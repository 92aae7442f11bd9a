#include "launcher/places.h"

#include <errno.h>
#include <fcntl.h>

#include "launcher/fail.h"
#include "system/baresyscall.h"

enum { MOST_LINKS = 40 }; /* followed, as the kernel does */

static struct text self;

static long read_link(const char *path, char *to, size_t room)
{
  return usys_bare(SYS_readlinkat, AT_FDCWD, (long)(intptr_t)path, (long)(intptr_t)to, (long)room);
}

static long is_missing(const char *path)
{
  return usys_bare(SYS_faccessat, AT_FDCWD, (long)(intptr_t)path, 0, 0);
}

static int is_script(const char *path)
{
  long fd = usys_bare(SYS_openat, AT_FDCWD, (long)(intptr_t)path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
  char mark[2] = { 0, 0 };

  if (fd < 0)
    return 0;
  usys_bare(SYS_read, fd, (long)(intptr_t)mark, sizeof mark, 0);
  usys_bare(SYS_close, fd, 0, 0, 0);
  return mark[0] == '#' && mark[1] == '!';
}

/* Where there is no /proc: the path that the kernel was given, and its links. */
static void follow(const char *executed)
{
  static char target[TEXT_SIZE];
  int links = 0;
  long length;

  if (*executed != '/') {
    if (usys_bare(SYS_getcwd, (long)(intptr_t)target, sizeof target, 0, 0) < 0 || *target != '/')
      fail("unable to tell which file is executed", "", 0, "");
    put(&self, target);
    put_character(&self, '/');
  }
  put(&self, executed);
  while ((length = read_link(self.at, target, sizeof target - 1)) >= 0) {
    if (++links > MOST_LINKS)
      fail("unable to follow ", executed, -ELOOP, "");
    target[length] = 0;
    cut(&self, *target == '/' ? 0 : directory_length(&self) + 1);
    put(&self, target);
  }
  if (is_script(self.at)) /* whose interpreter we are: the kernel names the script */
    fail("unable to tell which file is executed", "", 0, "");
}

void find_self(const char *executed, struct text *directory)
{
  long length = read_link("/proc/self/exe", self.at, sizeof self.at - 1);

  if (length > 0 && *self.at == '/') {
    self.length = (size_t)length;
  } else {
    self.length = length > 0 ? (size_t)length : 0;
    cut(&self, 0);
    follow(executed);
  }
  if (*self.at != '/')
    fail("unable to tell which file is executed", "", 0, "");
  check_length(&self);
  put(directory, self.at);
  cut(directory, directory_length(directory));
}

void find_bootstrap(struct text *directory, struct text *bootstrap)
{
#ifdef LAUNCH_PACKAGE
  long error;

  (void)directory;
  put(bootstrap, LAUNCH_PACKAGE "/_begin.py");
  error = is_missing(bootstrap->at);
  if (error)
    fail("unable to read ", bootstrap->at, error, "");
#else
  /* Where pip puts packages, seen from where it puts commands. */
  static const char *const places[] = { "/../lib/" LAUNCH_LIBRARY "/site-packages",
                                        "/../lib64/" LAUNCH_LIBRARY "/site-packages",
                                        "/../lib/" LAUNCH_LIBRARY "/dist-packages",
                                        "/../local/lib/" LAUNCH_LIBRARY "/dist-packages",
                                        "/../lib/python3/dist-packages",
                                        "/.." };
  size_t i;
  long worst = -ENOENT;

  for (i = 0; i < sizeof places / sizeof *places; ++i) {
    long error;

    cut(bootstrap, 0);
    put(bootstrap, directory->at);
    put(bootstrap, places[i]);
    put(bootstrap, "/ucspi/_begin.py");
    check_length(bootstrap);
    error = is_missing(bootstrap->at);
    if (!error)
      return;
    if (error != -ENOENT && error != -ENOTDIR)
      worst = error;
  }
  put(directory, places[0]);
  put(directory, "/ucspi");
  fail("unable to find my package, as in ", directory->at, worst,
       worst == -EACCES ? "; whoever runs ucspi must be able to read it" : "; install ucspi again");
#endif
}

int is_in_venv(const struct text *directory)
{
  static struct text path;

  put(&path, directory->at);
  put(&path, "/../pyvenv.cfg");
  return !path.is_cut && !is_missing(path.at);
}
