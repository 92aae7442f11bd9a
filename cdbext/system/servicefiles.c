/* Plain calls of libc: whoever is here is a process with memory of its own. */
#include "system/servicefiles.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  ALWAYS = O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW,
  MARK = 34,        /* columns of the lock's device and inode; see ucspi/service/birthrecord.py */
  RECORD_MAX = 255, /* bytes that are read of a birth record, of 135 */
  OTHERS_MAY_WRITE = 022
};

#define TAI_EPOCH (UINT64_C(1) << 62 | 10) /* as ucspi/unix/tai.py has it */

/* Open or make a file of a kind in `supervise`; -1 if it is none. */
static int open_in(const struct usys_service *service, const char *name, int flags, mode_t kind,
                   struct stat *found)
{
  int fd;

  /* Looked at first: to open a device may have an effect. */
  if (fstatat(service->state, name, found, AT_SYMLINK_NOFOLLOW)) {
    if (errno != ENOENT || !(flags & O_CREAT))
      return -1;
  } else if ((found->st_mode & S_IFMT) != kind) {
    return -1;
  }
  fd = openat(service->state, name, flags | ALWAYS, flags & O_TRUNC ? 0644 : 0600);
  if (fd >= 0 && (fstat(fd, found) || (found->st_mode & S_IFMT) != kind)) {
    close(fd);
    return -1;
  }
  return fd;
}

static int is_own(const struct stat *found)
{
  return found->st_uid == geteuid() && !(found->st_mode & OTHERS_MAY_WRITE);
}

/* Files by which a service asks for more than the plain case has: those of ucspi/service/optionalfiles.py. */
static const char *const optional[] = { "backoff",
                                        "check",
                                        "down-signal",
                                        "finish",
                                        "flag-finish-runit",
                                        "flag-notify-socket",
                                        "flag-on-demand",
                                        "flag-permanent-100",
                                        "flag-timeout-killpg",
                                        "max-death-tally",
                                        "notification-fd",
                                        "sockets",
                                        "timeout-finish",
                                        "timeout-kill" };

static int asks_for_nothing(const struct usys_service *service)
{
  struct stat found;
  size_t i;

  for (i = 0; i < sizeof optional / sizeof *optional; ++i)
    if (!fstatat(service->directory, optional[i], &found, AT_SYMLINK_NOFOLLOW) || errno != ENOENT)
      return 0;
  return 1;
}

static int enter(struct usys_service *service, int parent, const char *name)
{
  struct stat found;

  service->directory = openat(parent, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (service->directory < 0 || fstatat(service->directory, ".", &found, 0))
    return -1;
  service->is_wanted = fstatat(service->directory, "down", &found, 0) != 0;
  if (service->is_wanted && errno != ENOENT)
    return -1;
  service->asks = !asks_for_nothing(service);
  if (service->asks)
    return -1;
  if (mkdirat(service->directory, "supervise", 0700) && errno != EEXIST)
    return -1;
  service->state = openat(service->directory, "supervise", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return service->state < 0 || fstat(service->state, &found) || !is_own(&found) ? -1 : 0;
}

/* Lock it, and note the mark of the lock. */
static int acquire(struct usys_service *service, const char *birth_begin)
{
  char mark[MARK + 1];
  struct stat found;
  int length;

  service->lock = open_in(service, "lock", O_WRONLY | O_APPEND | O_CREAT, S_IFREG, &found);
  if (service->lock < 0 || flock(service->lock, LOCK_EX | LOCK_NB))
    return -1;
  length = snprintf(mark, sizeof mark, "%llx:%llx", (unsigned long long)found.st_dev,
                    (unsigned long long)found.st_ino);
  if (length < 0 || length > MARK)
    return -1;
  length = snprintf(service->birth_head, sizeof service->birth_head, "%s%-*s ", birth_begin, MARK, mark);
  return length > 0 && (size_t)length < sizeof service->birth_head ? 0 : -1;
}

/* Whether no process with that pid runs; one that has ended may not have been reaped yet. */
static int has_ended(long pid)
{
#ifdef SYS_pidfd_open
  struct pollfd polled = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
  int result;

  if (polled.fd < 0)
    return errno == ESRCH;
  result = poll(&polled, 1, 0) == 1 && polled.revents & POLLIN;
  close(polled.fd);
  return result;
#else
  (void)pid;
  return 0;
#endif
}

/* Whether a birth record may be of a process that runs.  One of another boot, of another directory
 * that was copied here, or of a pid that nobody has is not. */
static int may_run(const struct usys_service *service, const char *record, size_t length)
{
  size_t head = strlen(service->birth_head);
  long pid;

  if (length <= head || memcmp(record, service->birth_head, head) != 0)
    return 0;
  pid = strtol(record + head, NULL, 10);
  return pid > 0 && pid <= INT32_MAX && !has_ended(pid);
}

static int open_birth(struct usys_service *service)
{
  char record[RECORD_MAX + 1];
  struct stat found;
  ssize_t length;

  service->birth = open_in(service, "birth", O_RDWR | O_CREAT, S_IFREG, &found);
  if (service->birth < 0 || !is_own(&found))
    return -1;
  length = pread(service->birth, record, RECORD_MAX, 0);
  if (length < 0)
    return -1;
  record[length] = 0;
  return may_run(service, record, (size_t)length) ? -1 : 0;
}

int usys_open_service(struct usys_service *service, int parent, const char *name, const char *birth_begin)
{
  struct stat found;

  service->directory = service->state = service->lock = -1;
  service->control = service->birth = service->ok = -1;
  service->asks = 0;
  if (enter(service, parent, name) || acquire(service, birth_begin))
    return -1;
  if (mkfifoat(service->state, "control", 0600) && errno != EEXIST)
    return -1;
  service->control = open_in(service, "control", O_RDWR, S_IFIFO, &found);
  return service->control < 0 ? -1 : open_birth(service);
}

void usys_stamp_status(struct usys_service *service)
{
  struct timespec now;
  uint64_t second;
  uint32_t fraction;
  int i;

  clock_gettime(CLOCK_REALTIME, &now);
  second = TAI_EPOCH + (uint64_t)now.tv_sec;
  fraction = (uint32_t)now.tv_nsec / 1000 * 1000 + 500; /* as a clock of microseconds has it */
  for (i = 8; i--; second >>= 8)
    service->status[i] = second & 255;
  for (i = 12; i-- > 8; fraction >>= 8)
    service->status[i] = fraction & 255;
}

static int publish(struct usys_service *service)
{
  struct stat found;
  int fd = open_in(service, "status.new", O_WRONLY | O_CREAT | O_TRUNC, S_IFREG, &found);
  ssize_t written;

  if (fd < 0)
    return -1;
  written = write(fd, service->status, USYS_STATUS);
  close(fd);
  return written != USYS_STATUS || renameat(service->state, "status.new", service->state, "status") ? -1 : 0;
}

int usys_show_service(struct usys_service *service)
{
  struct stat found;

  memset(service->status, 0, USYS_STATUS);
  service->status[USYS_STATUS - 1] = service->is_wanted ? 'u' : 'd';
  usys_stamp_status(service);
  if (publish(service))
    return -1;
  if (mkfifoat(service->state, "ok", 0600) && errno != EEXIST)
    return -1;
  service->ok = open_in(service, "ok", O_RDONLY, S_IFIFO, &found);
  return service->ok < 0 ? -1 : 0;
}
