/* Two threads and one image: no function of the C core writes what another
 * could read.  cdbext/checking/threads.sh builds this with ThreadSanitizer and runs it on
 * a file that it makes. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cdb/check.h"
#include "cdb/find.h"
#include "cdb/recogniseformat.h"
#include "cdb/walkdistinct.h"

enum { THREADS = 2, ROUNDS = 20 };

static struct ucdb_image image;

static int look_at_all(void)
{
  static const struct ucdb_distinct zeros;
  struct ucdb_distinct ahead = zeros;
  struct ucdb_walker walker = { 0 };
  struct ucdb_record record;
  struct ucdb_fault fault;
  int wrong = 0;

  while (ucdb_walk(&image, &walker, &record, &fault) == UCDB_FOUND) {
    const unsigned char *key = image.base + record.key.pos;
    struct ucdb_wanted wanted = { .key = key, .len = record.key.len };
    struct ucdb_cursor cursor = { 0 };
    struct ucdb_span data;

    wrong += ucdb_find(&image, &cursor, key, record.key.len, &data, &fault) != UCDB_FOUND;
    wrong += ucdb_find_group(&image, &wanted, 1, &fault) != UCDB_FOUND;
  }
  while (ucdb_walk_distinct(&image, &ahead, &record, &fault) == UCDB_FOUND)
    wrong += ucdb_at(&image, record.data.pos, record.data.len) == NULL;
  return wrong;
}

static int check(void)
{
  unsigned char *scratch = calloc((size_t)ucdb_check_scratch(&image), 1);
  struct ucdb_fault fault;

  if (!scratch)
    return 1;
  ucdb_check(&image, scratch, 1, &fault);
  free(scratch);
  return fault.damage != UCDB_SOUND;
}

static void *work(void *wrong)
{
  int i;

  for (i = 0; i < ROUNDS; ++i)
    *(int *)wrong += look_at_all() + check() + (ucdb_recognise(image.base, image.size) != image.format);
  return NULL;
}

/* The whole file into memory; its length, 0 when it cannot be read. */
static size_t take(const char *path, unsigned char **bytes)
{
  FILE *file = fopen(path, "rb");
  size_t room = 1 << 24, size = 0;

  *bytes = malloc(room);
  if (file && *bytes)
    size = fread(*bytes, 1, room, file);
  if (file)
    fclose(file);
  return size;
}

int main(int argc, char **argv)
{
  pthread_t threads[THREADS];
  int wrong[THREADS] = { 0 };
  unsigned char *bytes = NULL;
  int i, sum = 0;

  image.size = argc > 1 ? take(argv[1], &bytes) : 0;
  image.base = bytes;
  if (!image.size)
    return 2;
  image.format = ucdb_recognise(image.base, image.size);
  for (i = 0; i < THREADS; ++i)
    if (pthread_create(&threads[i], NULL, work, &wrong[i]))
      return 2;
  for (i = 0; i < THREADS; ++i) {
    pthread_join(threads[i], NULL);
    sum += wrong[i];
  }
  free(bytes);
  return sum != 0;
}
