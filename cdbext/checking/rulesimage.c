#include "checking/rulesimage.h"

#include <string.h>

#include "cdb/buildtable.h"
#include "cdb/hash.h"
#include "checking/demand.h"
#include "rules/compile.h"

uint64_t least_room(uint64_t len)
{
  return 2 * len + 256 * (len + 16); /* a range has at most so many records, each not longer than its line */
}

static void append(struct records *records, const unsigned char *bytes, const struct ucdb_rules *scan,
                   const uint32_t *numbers)
{
  size_t count = (size_t)records->count;

  if (!records->bytes || records->used + scan->used > records->room) {
    records->room = 2 * (records->used + scan->used) + 1;
    records->bytes = realloc(records->bytes, (size_t)records->room);
    demand(records->bytes != NULL);
  }
  memcpy(records->bytes + records->used, bytes, (size_t)scan->used);
  records->used += scan->used;
  records->lines = realloc(records->lines, (count + (size_t)scan->records + 1) * sizeof *records->lines);
  demand(records->lines != NULL);
  memcpy(records->lines + count, numbers, (size_t)scan->records * sizeof *numbers);
  records->count += scan->records;
  records->rules += scan->rules;
}

void compile_lines(struct records *records, const unsigned char *text, uint64_t len, uint64_t room)
{
  unsigned char *out = demand_memory((size_t)room);
  uint32_t *numbers = demand_memory((size_t)(room / 8) * sizeof *numbers);
  struct ucdb_rules scan = { 0 };
  int status;

  scan.numbers = numbers;
  do {
    uint64_t before = scan.at;

    scan.before += scan.lines;
    scan.used = scan.lines = scan.rules = scan.records = 0;
    status = ucdb_rules_scan(text, len, out, room, &scan);
    demand(scan.at <= len && scan.at >= before && scan.used <= room);
    demand(scan.rules <= scan.lines && scan.rules <= scan.records);
    append(records, out, &scan, numbers);
    if (status == UCDB_RULES_ASK) {
      const unsigned char *newline = memchr(text + scan.at, '\n', (size_t)(len - scan.at));

      demand(newline != NULL);
      scan.at = (uint64_t)(newline - text) + 1;
      ++scan.before;
    }
    demand(status == UCDB_RULES_END || scan.at > before); /* one line has room, whatever it is */
  } while (status != UCDB_RULES_END);
  demand(!memchr(text + scan.at, '\n', (size_t)(len - scan.at)));
  free(out);
  free(numbers);
}

/* What each table will hold, one table's entries behind the other's. */
static void sort_entries(const struct records *records, unsigned char *entries, uint64_t *counts)
{
  const uint64_t pair = ucdb_pair_size(UCDB_CDB), header = ucdb_header_size(UCDB_CDB);
  struct ucdb_image window = { records->bytes, records->used, UCDB_CDB };
  uint64_t next[UCDB_TABLES] = { 0 };
  int pass;

  for (pass = 0; pass < 2; ++pass) {
    struct ucdb_record record;
    uint64_t at, number;

    for (number = 1; pass && number < UCDB_TABLES; ++number)
      next[number] = next[number - 1] + counts[number - 1];
    for (at = 0; at < records->used; at = ucdb_record_end(&record)) {
      uint64_t hash;

      demand(ucdb_record_at(&window, at, &record, UCDB_CDB));
      hash = ucdb_hash_in(ucdb_hash_of(records->bytes + record.key.pos, record.key.len), UCDB_CDB);
      number = ucdb_table_number(hash);
      if (pass)
        ucdb_put_pair(entries + pair * next[number]++, hash, header + at, UCDB_CDB);
      else
        ++counts[number];
    }
  }
}

struct ucdb_image image_of(const struct records *records)
{
  const uint64_t pair = ucdb_pair_size(UCDB_CDB), header = ucdb_header_size(UCDB_CDB);
  unsigned char *bytes = demand_memory((size_t)(header + records->used + 2 * pair * records->count));
  unsigned char *entries = demand_memory((size_t)(pair * records->count));
  uint64_t counts[UCDB_TABLES] = { 0 }, end = header + records->used, done = 0, number;
  struct ucdb_image image = { bytes, 0, UCDB_CDB };

  if (records->used)
    memcpy(bytes + header, records->bytes, (size_t)records->used);
  sort_entries(records, entries, counts);
  for (number = 0; number < UCDB_TABLES; ++number) {
    ucdb_put_pair(bytes + pair * number, end, 2 * counts[number], UCDB_CDB);
    ucdb_table(entries + pair * done, counts[number], bytes + end, UCDB_CDB);
    end += 2 * counts[number] * pair;
    done += counts[number];
  }
  demand(done == records->count);
  free(entries);
  image.size = end;
  return image;
}

void free_records(struct records *records)
{
  free(records->bytes);
  free(records->lines);
}
