/* A fuzz target: all that is done with an image or with cdbmake's text, on any bytes.
 *
 * Invariant: whatever the bytes, each function ends, reads nothing outside the
 * image (AddressSanitizer sees that), and what it finds lies inside; the finders
 * agree with each other.  The input is an image in a format it does not have to
 * be in, so each is tried.  checking/fuzz.sh builds and runs it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cdb/cdbmaketext.h"
#include "cdb/check.h"
#include "cdb/find.h"
#include "cdb/probe.h"
#include "cdb/recogniseformat.h"
#include "cdb/walkdistinct.h"
#include "checking/demand.h"
#include "rules/decide.h"

enum { KEYS = 2 * UCDB_GROUP };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void demand_inside(const struct ucdb_image *im, const struct ucdb_span *span)
{
  demand(ucdb_at(im, span->pos, span->len) != NULL);
}

/* All ways to find a key say the same. */
static void search(const struct ucdb_image *im, const unsigned char *key, uint64_t len)
{
  struct ucdb_cursor cur = { 0 };
  struct ucdb_span first = { 0, 0 }, data, at_once = { 0, 0 };
  struct ucdb_wanted wanted = { .key = key, .len = len };
  struct ucdb_fault fault;
  enum ucdb_status begun = ucdb_find(im, &cur, key, len, &first, &fault);
  enum ucdb_status status = begun;
  uint64_t found = 0;

  demand(ucdb_first_data(*im, ucdb_hash_of(key, len), key, len, &at_once, &fault, im->format) == begun);
  if (begun == UCDB_FOUND)
    demand(at_once.pos == first.pos && at_once.len == first.len);

  for (data = first; status == UCDB_FOUND; ++found) {
    demand_inside(im, &data);
    demand(found <= im->size / ucdb_pair_size(im->format));
    status = ucdb_find(im, &cur, key, len, &data, &fault);
  }
  status = ucdb_find_group(im, &wanted, 1, &fault);
  demand((status == UCDB_MALFORMED) == (begun == UCDB_MALFORMED));
  if (status == UCDB_FOUND)
    demand(wanted.data.pos == (begun == UCDB_FOUND ? first.pos : 0));
}

/* Every record; the first keys are noted.  Returns how many keys that is. */
static int walk(const struct ucdb_image *im, struct ucdb_span *keys)
{
  struct ucdb_walker walker = { 0 };
  struct ucdb_record record;
  struct ucdb_fault fault;
  uint64_t count = 0;

  while (ucdb_walk(im, &walker, &record, &fault) == UCDB_FOUND) {
    demand_inside(im, &record.key);
    demand_inside(im, &record.data);
    if (count < KEYS)
      keys[count] = record.key;
    ++count;
  }
  return count < KEYS ? (int)count : KEYS;
}

static void walk_distinct(const struct ucdb_image *im)
{
  static const struct ucdb_distinct zeros;
  struct ucdb_distinct ahead = zeros;
  struct ucdb_record record;
  struct ucdb_fault fault;
  uint64_t before = 0;

  while (ucdb_walk_distinct(im, &ahead, &record, &fault) == UCDB_FOUND) {
    demand_inside(im, &record.data);
    demand(record.pos > before);
    before = record.pos;
  }
}

/* A sound image holds what it says. */
static void check(const struct ucdb_image *im, const struct ucdb_span *keys, int count)
{
  unsigned char *scratch = calloc((size_t)ucdb_check_scratch(im), 1);
  struct ucdb_fault fault;
  int i;

  demand(scratch != NULL);
  ucdb_check(im, scratch, 1, &fault);
  free(scratch);
  demand(strcmp(ucdb_damage_text(fault.damage), "sound") || fault.damage == UCDB_SOUND);
  for (i = 0; i < count && fault.damage == UCDB_SOUND; ++i) {
    struct ucdb_cursor cur = { 0 };
    struct ucdb_span data;

    /* tinycdb leaves removed records, with empty keys, that none can find */
    if (keys[i].len)
      demand(ucdb_find(im, &cur, im->base + keys[i].pos, keys[i].len, &data, &fault) == UCDB_FOUND);
  }
}

/* The bytes as text, and what that gave as text again; the bytes as records. */
static void text_both_ways(const uint8_t *bytes, size_t size, int format)
{
  size_t room = 2 * size + 1, more = 8 * size + UCDB_TEXT_MORE;
  unsigned char *records = malloc(room), *text = malloc(more);
  struct ucdb_text loaded = { 0, 0, 0 }, dumped = { 0, 0, 0 }, other = { 0, 0, 0 };

  demand(records && text);
  ucdb_text_load(bytes, size, records, format, &loaded);
  demand(loaded.at <= size && loaded.used <= 2 * size);
  ucdb_text_dump(records, loaded.used, text, more, format, &dumped);
  demand(dumped.at == loaded.used && dumped.records == loaded.records);
  demand(dumped.used <= loaded.at); /* less where lengths had zeros in front */
  ucdb_text_dump(bytes, size, text, more / 2, format, &other);
  demand(other.at <= size && other.used <= more / 2);
  free(records);
  free(text);
}

/* Clients whose addresses are the first bytes, and some that are real. */
static void decide(const struct ucdb_image *im)
{
  static const char *const clients[] = { "1.2.3.4", "::ffff:9.8.7.6", "2001:db8::1%x" };
  struct ucdb_lengths lengths = { { 0 }, { 0 }, 0, 0, NULL };
  struct ucdb_fault fault;
  int i;

  if (ucdb_rules_lengths(im, &lengths, &fault) == UCDB_MALFORMED)
    return;
  for (i = 0; i < 4; ++i) {
    const unsigned char *ip = i < 3 ? (const unsigned char *)clients[i] : im->base;
    uint32_t len = i < 3 ? (uint32_t)strlen(clients[i]) : im->size < 300 ? (uint32_t)im->size : 300;
    int64_t found = ucdb_rules_decide(im, &lengths, ip, len, &fault);
    int64_t around = ucdb_rules_around(im, &lengths, ip, len, &fault);

    demand(found >= -1 && around >= -1);
    demand(around <= 0 || lengths.any);
    demand(found <= 0 || ucdb_at(im, (uint64_t)found, ucdb_pair_size(im->format)));
    demand(around <= 0 || found);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  struct ucdb_image im = { bytes, size, 0 };
  struct ucdb_span keys[KEYS];
  int i, count;

  demand(ucdb_recognise(bytes, size) <= UCDB_NO_FORMAT);
  for (im.format = UCDB_CDB; im.format <= UCDB_CDBLIB64; ++im.format) {
    text_both_ways(bytes, size, im.format);
    count = walk(&im, keys);
    walk_distinct(&im);
    decide(&im);
    check(&im, keys, count);
    search(&im, (const unsigned char *)"", 0);
    search(&im, (const unsigned char *)"one", 3);
    for (i = 0; i < count; ++i)
      search(&im, bytes + keys[i].pos, keys[i].len);
  }
  return 0;
}
