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
  LEFT_MAX = 64, /* descriptors more than at first */
  LINKS = 3      /* of a directory of tasks with one task */
};

static const char descriptors[] = "/proc/self/fd", tasks[] = "/proc/self/task";

static int is_same(const struct stat *status, const struct usys_file *file)
{
  return status->st_dev == file->device && status->st_ino == file->inode;
}

static int is_file(int number, const struct usys_file *file)
{
  struct stat status;

  return !fstat(number, &status) && is_same(&status, file);
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

/* Returns whether a descriptor is open. */
static int disconnect(const struct usys_kept *kept, int number)
{
  struct stat status;

  if (fstat(number, &status))
    return 0;
  if (kept->is_connected && number > 2 && is_same(&status, &kept->connection))
    dup3(kept->own[2], number, O_CLOEXEC);
  return 1;
}

/* Whether a descriptor is certainly open and no connection, where all of our own are what they were. */
static int is_ours(const struct usys_kept *kept, int number)
{
  int i;

  for (i = 0; i < USYS_OWN; ++i)
    if (number == kept->own[i])
      return 1;
  return number == 0 || number == 1;
}

/* List the open descriptors, and see to each of them; return how many there are, or -1. */
static long list_open(struct usys_kept *kept)
{
  DIR *directory = opendir(descriptors);
  const struct dirent *entry;
  long count = 0;

  if (!directory)
    return -1;
  kept->known_count = 0;
  while ((entry = readdir(directory)) != NULL) {
    int number = atoi(entry->d_name);

    if (*entry->d_name == '.' || number == dirfd(directory))
      continue;
    ++count;
    if (kept->known_count < USYS_KNOWN)
      kept->known[kept->known_count++] = number;
    disconnect(kept, number);
  }
  closedir(directory);
  return count;
}

/* Linux says how many are open since 6.2.  If that many of those that are known are open,
 * there are no others, and nothing need be listed. */
static long disconnect_all(struct usys_kept *kept)
{
  struct stat status;
  long count = 0;
  int i;

  if (stat(descriptors, &status))
    return -1;
  for (i = 0; i < kept->known_count; ++i)
    count += is_ours(kept, kept->known[i]) || disconnect(kept, kept->known[i]);
  return count == (long)status.st_size ? count : list_open(kept);
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
  kept->has_log = !note_file(2, &kept->log);
  kept->umask = umask(077);
  umask(kept->umask);
  kept->is_connected = 0;
  kept->open = list_open(kept);
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

/* Lines about later clients go to 2: a file of the function, or the connection, would get them. */
static int has_other_log(const struct usys_kept *kept)
{
  return kept->has_log ? !is_file(2, &kept->log) : fcntl(2, F_GETFD) >= 0;
}

int usys_may_kept_answer(const struct usys_kept *kept)
{
  return is_file(kept->own[0], &kept->files[0]) && is_file(kept->own[1], &kept->files[1]);
}

int usys_put_kept_back(struct usys_kept *kept)
{
  const struct itimerval never = {
    .it_value = { 0, 0 }
  };
  long count;
  int i;

  for (i = 0; i < USYS_OWN; ++i)
    if (!is_file(kept->own[i], &kept->files[i]))
      return 0; /* the function has closed what it did not open */
  if (dup2(kept->own[2], 0) < 0 || dup2(kept->own[2], 1) < 0 || has_other_log(kept))
    return 0;
  count = disconnect_all(kept);
  if (count < 0 || count > kept->open + LEFT_MAX)
    return 0; /* some day there would be none left */
  umask(kept->umask);
  if (fchdir(kept->own[3]))
    return 0;
  setitimer(ITIMER_REAL, &never, NULL);
  setitimer(ITIMER_VIRTUAL, &never, NULL);
  setitimer(ITIMER_PROF, &never, NULL);
  return !pthread_sigmask(SIG_SETMASK, &kept->mask, NULL) && !has_other_ids(kept) && !has_others();
}
