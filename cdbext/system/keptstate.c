#include "system/keptstate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  LEFT_MAX = 64,    /* descriptors more than at first */
  PROBED_MAX = 512, /* numbers that are tried before the directory is read */
  LINKS = 3         /* of a directory of tasks with one task */
};

static const char descriptors[] = "/proc/self/fd", tasks[] = "/proc/self/task";

static int is_file(int number, const struct usys_file *file)
{
  struct stat status;

  return !fstat(number, &status) && status.st_dev == file->device && status.st_ino == file->inode;
}

static int note_file(int number, struct usys_file *file)
{
  struct stat status;

  if (fstat(number, &status))
    return -1;
  file->device = status.st_dev;
  file->inode = status.st_ino;
  return 0;
}

/* Call a function with each open descriptor; return how many there are, or -1. */
static long list_open(void (*found)(const struct usys_kept *, int), const struct usys_kept *kept)
{
  DIR *directory = opendir(descriptors);
  const struct dirent *entry;
  long count = 0;

  if (!directory)
    return -1;
  while ((entry = readdir(directory)) != NULL) {
    int number = atoi(entry->d_name);

    if (*entry->d_name == '.' || number == dirfd(directory))
      continue;
    ++count;
    if (found)
      found(kept, number);
  }
  closedir(directory);
  return count;
}

/* How many descriptors are open, or -1.  Linux says it since 6.2. */
static long count_open(void)
{
  struct stat status;

  if (stat(descriptors, &status))
    return -1;
  return status.st_size > 0 ? (long)status.st_size : list_open(NULL, NULL);
}

static void disconnect(const struct usys_kept *kept, int number)
{
  if (number > 2 && is_file(number, &kept->connection))
    dup3(kept->own[2], number, O_CLOEXEC);
}

/* Where so many descriptors are open as were found below a number, there are none from there on. */
static int disconnect_all(const struct usys_kept *kept)
{
  long open = count_open(), seen = 0;
  int number;

  if (open < 0)
    return -1;
  for (number = 0; number < PROBED_MAX && seen < open; ++number)
    if (fcntl(number, F_GETFD) >= 0) {
      ++seen;
      disconnect(kept, number);
    }
  return seen < open && list_open(disconnect, kept) < 0 ? -1 : 0;
}

int usys_note_kept(struct usys_kept *kept, int channel, int answers)
{
  int i;

  kept->own[0] = channel;
  kept->own[1] = answers;
  kept->own[2] = open("/dev/null", O_RDWR | O_CLOEXEC);
  kept->own[3] = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (i = 0; i < USYS_OWN; ++i)
    if (kept->own[i] < 0 || note_file(kept->own[i], &kept->files[i]))
      return errno;
  kept->umask = umask(077);
  umask(kept->umask);
  kept->open = count_open();
  kept->is_connected = 0;
  return pthread_sigmask(SIG_BLOCK, NULL, &kept->mask) ||
          getresuid(&kept->users[0], &kept->users[1], &kept->users[2]) ||
          getresgid(&kept->groups[0], &kept->groups[1], &kept->groups[2])
      ? errno
      : 0;
}

void usys_connect_kept(struct usys_kept *kept, int descriptor)
{
  kept->is_connected = 0;
  if (descriptor < 0)
    return;
  dup2(descriptor, 0);
  dup2(descriptor, 1);
  close(descriptor);
  kept->is_connected = !note_file(0, &kept->connection);
}

static int has_other_ids(const struct usys_kept *kept)
{
  uid_t users[3];
  gid_t groups[3];

  return getresuid(&users[0], &users[1], &users[2]) || getresgid(&groups[0], &groups[1], &groups[2]) ||
      memcmp(users, kept->users, sizeof users) || memcmp(groups, kept->groups, sizeof groups);
}

/* Whether there are others: threads, or children, which may have ended. */
static int has_others(void)
{
  struct stat status;
  siginfo_t child;

  return stat(tasks, &status) || status.st_nlink != LINKS ||
      !waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) || errno != ECHILD;
}

int usys_may_kept_answer(const struct usys_kept *kept)
{
  return is_file(kept->own[0], &kept->files[0]) && is_file(kept->own[1], &kept->files[1]);
}

int usys_put_kept_back(const struct usys_kept *kept)
{
  const struct itimerval never = {
    { 0, 0 },
    { 0, 0 }
  };
  int i;

  for (i = 0; i < USYS_OWN; ++i)
    if (!is_file(kept->own[i], &kept->files[i]))
      return 0; /* the function has closed what it did not open */
  if (dup2(kept->own[2], 0) < 0 || dup2(kept->own[2], 1) < 0 || (kept->is_connected && disconnect_all(kept)))
    return 0;
  umask(kept->umask);
  if (fchdir(kept->own[3]))
    return 0;
  setitimer(ITIMER_REAL, &never, NULL);
  setitimer(ITIMER_VIRTUAL, &never, NULL);
  setitimer(ITIMER_PROF, &never, NULL);
  if (pthread_sigmask(SIG_SETMASK, &kept->mask, NULL) || has_other_ids(kept) || has_others())
    return 0;
  i = (int)count_open();
  return i >= 0 && i <= kept->open + LEFT_MAX;
}
