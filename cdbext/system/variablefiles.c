#include "system/variablefiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "system/baresyscall.h"

enum { NAMES_MAX = 4096 }; /* bytes of a directory's entries; a larger one is read by envdir itself */

/* What getdents64 fills in, up to the name. */
struct entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
};
#define NAME_AT 19

static long open_at(long directory, const char *path, int flags)
{
  return usys_bare(SYS_openat, directory, (long)(intptr_t)path, flags | O_CLOEXEC, 0);
}

static void close_it(long descriptor)
{
  usys_bare(SYS_close, descriptor, 0, 0, 0);
}

/* Read the names; return how many bytes of entries there are, or -1 when they do not fit. */
static long read_names(long directory, char *names)
{
  long readable = open_at(directory, ".", O_RDONLY | O_DIRECTORY), length = 0, more = -1;

  if (readable < 0)
    return -1;
  /* The kernel says EINVAL where there is no room for one more; 0 is the end. */
  while (length < NAMES_MAX &&
         (more = usys_bare(SYS_getdents64, readable, (long)(intptr_t)(names + length), NAMES_MAX - length,
                           0)) > 0)
    length += more;
  close_it(readable);
  return more ? -1 : length;
}

/* Append what stands in a file before its first newline, less blanks at the end.
 * Returns 1 when there is a value, 0 for an empty file, -1 when it failed or did not fit. */
static int read_value(long file, struct usys_changes *changes)
{
  char *begin = changes->at + changes->length, *end = begin, *newline = NULL, *at;
  char *limit = changes->at + changes->room - 1;
  long more = 0;

  while (!newline && end < limit &&
         (more = usys_bare(SYS_read, file, (long)(intptr_t)end, limit - end, 0)) > 0) {
    newline = memchr(end, '\n', (size_t)more);
    end += more;
  }
  if (more < 0 || (!newline && end == limit))
    return -1;
  if (end == begin)
    return 0;
  end = newline ? newline : end;
  while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
    --end;
  for (at = begin; at < end; ++at)
    if (!*at)
      *at = '\n';
  changes->length += (size_t)(end - begin);
  return 1;
}

static int read_file(long directory, const char *name, struct usys_changes *changes)
{
  size_t length = strlen(name);
  long file;
  int has_value;

  if (changes->count == changes->most_count || changes->room - changes->length < length + 3)
    return -1;
  file = open_at(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (file == -ENOENT)
    return 0;
  if (file < 0)
    return -1;
  memcpy(changes->at + changes->length, name, length);
  changes->length += length;
  changes->at[changes->length++] = '=';
  has_value = read_value(file, changes);
  close_it(file);
  if (has_value < 0)
    return -1;
  if (!has_value)
    --changes->length;
  changes->at[changes->length++] = 0;
  ++changes->count;
  return 0;
}

static int read_all(long directory, struct usys_changes *changes)
{
  _Alignas(8) char names[NAMES_MAX];
  long length = read_names(directory, names), at;
  unsigned short step;

  for (at = 0; at < length; at += step) {
    const char *name = names + at + NAME_AT;

    memcpy(&step, names + at + offsetof(struct entry, length), sizeof step);
    if (*name == '=')
      return -1; /* a variable without a name, which an interpreter passes on in its own way */
    if (*name != '.' && read_file(directory, name, changes))
      return -1;
  }
  return length < 0 ? -1 : 0;
}

int usys_read_variables(const char *path, struct usys_changes *changes)
{
  struct usys_changes before = *changes;
  long place = open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY);
  int failed = -1;

  if (place >= 0) {
    failed = read_all(place, changes);
    close_it(place);
  }
  if (failed)
    *changes = before;
  return failed;
}
