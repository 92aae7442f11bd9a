#include "system/folderwatch.h"

#include <errno.h>

#ifdef __linux__
#include <sys/inotify.h>

int usys_open_events(void)
{
  int events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

  return events < 0 ? -errno : events;
}

int usys_watch_folder(int events, const char *path)
{
  /* Its own removal is not told while a file that was in it is open somewhere, so removed files are. */
  enum { MASK = IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR };
  int number = inotify_add_watch(events, path, MASK);

  return number < 0 ? -errno : number;
}

#else

int usys_open_events(void)
{
  return -ENOSYS;
}

int usys_watch_folder(int events, const char *path)
{
  (void)events;
  (void)path;
  return -ENOSYS;
}

#endif
