/* Two threads and one image, one text: no function of the C core writes what
 * another could read.
 *
 * Invariant: ThreadSanitizer sees no write that another thread could meet, and
 * each thread finds in each round what a look by one alone found: every record, a
 * sound image, the same records of the rules text, the same rule for a client,
 * the same lines.  checking/threads.sh builds this and runs it on files that it
 * makes. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "cdb/cdbmaketext.h"
#include "cdb/check.h"
#include "cdb/find.h"
#include "cdb/findmany.h"
#include "cdb/recogniseformat.h"
#include "cdb/walkdistinct.h"
#include "checking/demand.h"
#include "checking/rulesimage.h"
#include "lines/crlf.h"
#include "lines/distribute.h"
#include "lines/timelabel.h"
#include "rules/checkdata.h"
#include "rules/decide.h"
#include "rules/relatelines.h"

enum { THREADS = 2, ROUNDS = 10, TEXT_MOST = 1 << 16, CLIENTS = 256, WIDTH = 16 };

/* All that the threads share; nobody writes it once they run. */
static struct ucdb_image image, rules_image;
static char text[TEXT_MOST];
static size_t text_length;
static struct records rules;
static struct ucdb_lengths lengths;
static int64_t decided[CLIENTS];

static int64_t decide(int client)
{
  struct ucdb_fault fault;
  char ip[32];

  snprintf(ip, sizeof ip, "10.0.%d.%d", client % 16, client);
  return ucdb_rules_decide(&rules_image, &lengths, (const unsigned char *)ip, (uint32_t)strlen(ip), &fault);
}

static void look_at_all(void)
{
  static const struct ucdb_distinct zeros;
  struct ucdb_distinct ahead = zeros;
  struct ucdb_walker walker = { 0 };
  struct ucdb_record record;
  struct ucdb_fault fault;

  while (ucdb_walk(&image, &walker, &record, &fault) == UCDB_FOUND) {
    const unsigned char *key = image.base + record.key.pos;
    struct ucdb_wanted wanted = { .key = key, .len = record.key.len };
    struct ucdb_cursor cursor = { 0 };
    struct ucdb_span data;

    demand(ucdb_find(&image, &cursor, key, record.key.len, &data, &fault) == UCDB_FOUND);
    demand(ucdb_find_group(&image, &wanted, 1, &fault) == UCDB_FOUND);
  }
  while (ucdb_walk_distinct(&image, &ahead, &record, &fault) == UCDB_FOUND)
    demand(ucdb_at(&image, record.data.pos, record.data.len) != NULL);
  demand(ucdb_recognise(image.base, image.size) == image.format);
}

static void check(const struct ucdb_image *im)
{
  unsigned char *scratch = demand_memory((size_t)ucdb_check_scratch(im));
  struct ucdb_fault fault;

  ucdb_check(im, scratch, 1, &fault);
  demand(fault.damage == UCDB_SOUND);
  free(scratch);
}

static void use_rules(void)
{
  struct records again = { 0 };
  struct ucdb_lengths found = { { 0 }, { 0 }, 0, 0, NULL };
  struct ucdb_fault fault;
  int i;

  compile_lines(&again, (const unsigned char *)text, text_length, least_room(text_length));
  demand(again.used == rules.used && !memcmp(again.bytes, rules.bytes, (size_t)rules.used));
  free_records(&again);
  demand(ucdb_rules_data(&rules_image, &fault) == UCDB_ABSENT);
  demand(ucdb_rules_lengths(&rules_image, &found, &fault) == UCDB_ABSENT);
  demand(!memcmp(found.four, lengths.four, sizeof found.four));
  for (i = 0; i < CLIENTS; ++i)
    demand(decide(i) == decided[i]);
}

static void relate_rules(void)
{
  size_t count = (size_t)rules.count;
  struct ucdb_relations all = { .records = rules.bytes, .lines = rules.lines, .width = WIDTH };

  all.count = (uint32_t)count;
  all.entries = demand_memory(count * sizeof *all.entries);
  all.slots = demand_memory(((size_t)1 << WIDTH) * sizeof *all.slots);
  all.order = demand_memory(2 * count * sizeof *all.order);
  all.reported = demand_memory(rules.lines[count - 1] + 1);
  ucdb_relate(&all);
  demand(all.addresses > 0 && ucdb_next_repeated(&all, 0) == 0);
  free(all.entries);
  free(all.slots);
  free(all.order);
  free(all.reported);
}

/* The lines through every kernel that keeps its state in the caller's memory.  Local time is libc's. */
static void pass_lines(void)
{
  static const struct usys_action actions[] = { { .act = USYS_TO_LOG } };
  char *more = demand_memory((USYS_LABEL + 1) * text_length), *back = demand_memory(2 * text_length);
  struct usys_log log = { .out = demand_memory(8 * USYS_STEP), .limit = 16 * TEXT_MOST };
  struct usys_cut cut;
  struct usys_distributor d = {
    .actions = actions, .logs = &log, .cuts = &cut, .action_count = 1, .log_count = 1
  };
  struct usys_stamper stamper = { 0 };
  size_t length = usys_add_cr(text, text_length, more), at, done = 0;

  demand(usys_remove_cr(more, length, back) == text_length && !memcmp(back, text, text_length));
  usys_stamp(&stamper, text, text_length, more, (USYS_LABEL + 1) * text_length);
  demand(stamper.consumed == text_length);
  d.room = 8 * USYS_STEP;
  d.echo_room = 2 * USYS_ECHO;
  d.echo = demand_memory(d.echo_room);
  for (at = 0; at < text_length; done += log.length - log.held) {
    size_t taken = usys_distribute(&d, text + at, text_length - at);

    demand(taken > 0);
    at += taken;
    memcpy(back + done, log.out, log.length - log.held);
  }
  demand(done == text_length && !memcmp(back, text, text_length));
  free(more);
  free(back);
  free(log.out);
  free(d.echo);
}

static void *work(void *nothing)
{
  int i;

  for (i = 0; i < ROUNDS; ++i) {
    look_at_all();
    check(&image);
    check(&rules_image);
    use_rules();
    relate_rules();
    pass_lines();
  }
  return nothing;
}

/* The whole file into memory; its length, 0 when it cannot be read. */
static size_t take(const char *path, void *bytes, size_t room)
{
  FILE *file = fopen(path, "rb");
  size_t size = 0;

  if (file)
    size = fread(bytes, 1, room, file);
  if (file)
    fclose(file);
  return size;
}

/* Takes the paths of an image and of rules text. */
int main(int argc, char **argv)
{
  pthread_t threads[THREADS];
  struct ucdb_fault fault;
  const size_t room = 1 << 24;
  unsigned char *bytes = demand_memory(room);
  int i;

  demand(argc == 3);
  image.size = take(argv[1], bytes, room);
  image.base = bytes;
  image.format = ucdb_recognise(image.base, image.size);
  text_length = take(argv[2], text, sizeof text);
  demand(image.size && text_length);
  compile_lines(&rules, (const unsigned char *)text, text_length, 4 * least_room(text_length));
  demand(rules.count > 0);
  rules_image = image_of(&rules);
  demand(ucdb_rules_lengths(&rules_image, &lengths, &fault) == UCDB_ABSENT && lengths.any);
  for (i = 0; i < CLIENTS; ++i)
    decided[i] = decide(i);
  for (i = 0; i < THREADS; ++i)
    demand(!pthread_create(&threads[i], NULL, work, NULL));
  for (i = 0; i < THREADS; ++i)
    demand(!pthread_join(threads[i], NULL));
  return 0;
}
