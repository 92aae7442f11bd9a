/* A fuzz target: rules text, from its lines to the record that decides.
 *
 * Invariant: whatever the text, its records are the same wherever it is cut
 * between lines and however little room there is; the image of them is sound by
 * every check; the networks in it are those of the records; the record that
 * decides about a client, with a sieve and without, is the one that is found by
 * asking for each key in turn; and what came before, and what is around what, is
 * what a look at every pair says.  checking/fuzz.sh builds and runs it. */
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "cdb/check.h"
#include "cdb/find.h"
#include "cdb/hash.h"
#include "cdb/hashsieve.h"
#include "cdb/recogniseformat.h"
#include "checking/demand.h"
#include "checking/rulesimage.h"
#include "rules/checkdata.h"
#include "rules/clientaddress.h"
#include "rules/decide.h"
#include "rules/relatelines.h"

enum { SIEVE_WIDTH = 14, CLIENTS = 12, RELATED_MOST = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The same text in two parts, through a buffer that is as small as can be. */
static void compare_cut(const struct records *whole, const uint8_t *text, size_t size, unsigned char where)
{
  struct records parts = { 0 };
  size_t cut = size * where / 256;

  while (cut && text[cut - 1] != '\n')
    --cut;
  compile_lines(&parts, text, cut, least_room(cut));
  compile_lines(&parts, text + cut, size - cut, least_room(size - cut));
  demand(parts.used == whole->used && parts.count == whole->count && parts.rules == whole->rules);
  demand(!whole->used || !memcmp(parts.bytes, whole->bytes, (size_t)whole->used));
  free_records(&parts);
}

static void demand_sound(const struct ucdb_image *im)
{
  unsigned char *scratch = demand_memory((size_t)ucdb_check_scratch(im));
  struct ucdb_fault fault;

  ucdb_check(im, scratch, 0, &fault);
  demand(fault.damage == UCDB_SOUND);
  demand(ucdb_recognise(im->base, im->size) == UCDB_CDB);
  demand(ucdb_rules_data(im, &fault) == UCDB_ABSENT);
  free(scratch);
}

static void compare_lengths(const struct records *records, const struct ucdb_lengths *lengths)
{
  struct ucdb_image window = { records->bytes, records->used, UCDB_CDB };
  unsigned char four[UCDB_KEY4_MAX] = { 0 }, six[UCDB_KEY6_MAX] = { 0 };
  struct ucdb_record record;
  uint64_t at;
  int any = 0;

  for (at = 0; ucdb_record_at(&window, at, &record, UCDB_CDB); at = ucdb_record_end(&record)) {
    const unsigned char *key = window.base + record.key.pos;

    if (record.key.len < 3 || (*key != '_' && *key != '^'))
      continue;
    any = 1;
    (*key == '_' ? four : six)[record.key.len - 1] = 1;
  }
  demand(!memcmp(four, lengths->four, sizeof four) && !memcmp(six, lengths->six, sizeof six));
  demand(any == lengths->any);
}

/* Where the first record under a key lies; 0 if there is none. */
static int64_t place_of(const struct ucdb_image *im, const unsigned char *key, uint64_t len)
{
  struct ucdb_cursor cursor = { 0 };
  struct ucdb_span data;
  struct ucdb_fault fault;
  enum ucdb_status status = ucdb_find(im, &cursor, key, len, &data, &fault);

  demand(status != UCDB_MALFORMED);
  return status == UCDB_FOUND ? (int64_t)(data.pos - len - ucdb_pair_size(UCDB_CDB)) : 0;
}

static int64_t around_of(const struct ucdb_image *im, const struct ucdb_client *client)
{
  unsigned char key[UCDB_KEY6_MAX];
  int64_t place = 0;
  int bits;

  for (bits = client->bits; bits >= UCDB_LENGTH_MIN && !place; --bits) {
    size_t len = client->bits == 32 ? ucdb_key4(client->packed, bits, key)
                                    : ucdb_key6(client->packed, bits, key);

    place = place_of(im, key, len);
  }
  return place;
}

static void compare_client(const struct ucdb_image *im, const struct ucdb_lengths *lengths,
                           const unsigned char *ip, uint32_t len)
{
  struct ucdb_client client;
  struct ucdb_fault fault;
  int64_t around, decides = 0;
  uint32_t size;

  ucdb_read_client(&client, ip, len);
  around = around_of(im, &client);
  for (size = client.len; size && !decides; --size)
    if (size == client.len || client.text[size - 1] == '.')
      decides = place_of(im, client.text, size);
  if (!decides)
    decides = around;
  if (!decides)
    decides = place_of(im, client.text, 0);
  demand(ucdb_rules_around(im, lengths, ip, len, &fault) == around);
  demand(ucdb_rules_decide(im, lengths, ip, len, &fault) == decides);
}

/* Clients: some that are real, and what the first keys say. */
static void compare_clients(const struct records *records, const struct ucdb_image *im,
                            const struct ucdb_lengths *lengths)
{
  static const char *const some[] = {
    "", "1.2.3.4", "::ffff:1.2.3.4", "10.0.0.1", "2001:db8::1%x", "unix.0"
  };
  struct ucdb_image window = { records->bytes, records->used, UCDB_CDB };
  struct ucdb_record record;
  uint64_t at;
  size_t i;
  int left = CLIENTS;

  for (i = 0; i < sizeof some / sizeof *some; ++i)
    compare_client(im, lengths, (const unsigned char *)some[i], (uint32_t)strlen(some[i]));
  for (at = 0; left-- && ucdb_record_at(&window, at, &record, UCDB_CDB); at = ucdb_record_end(&record)) {
    const unsigned char *key = window.base + record.key.pos;
    unsigned char packed[16];
    char text[INET6_ADDRSTRLEN];

    compare_client(im, lengths, key, (uint32_t)record.key.len);
    if (record.key.len < 3 || (*key != '_' && *key != '^'))
      continue;
    demand(ucdb_read_bits(key, (int)record.key.len - 1, packed));
    demand(inet_ntop(*key == '_' ? AF_INET : AF_INET6, packed, text, sizeof text) != NULL);
    compare_client(im, lengths, (const unsigned char *)text, (uint32_t)strlen(text));
  }
}

static void compare_images(const struct records *records)
{
  static uint64_t bits[(1 << SIEVE_WIDTH) / 64];
  struct ucdb_image im = image_of(records);
  struct ucdb_lengths lengths = { { 0 }, { 0 }, 0, 0, NULL };
  struct ucdb_fault fault;

  demand_sound(&im);
  demand(ucdb_rules_lengths(&im, &lengths, &fault) == UCDB_ABSENT);
  compare_lengths(records, &lengths);
  compare_clients(records, &im, &lengths);
  demand(ucdb_sieve_slots(&im) == 2 * records->count);
  memset(bits, 0, sizeof bits);
  ucdb_sieve_fill(&im, bits, SIEVE_WIDTH);
  lengths.sieve = bits;
  lengths.width = SIEVE_WIDTH;
  compare_clients(records, &im, &lengths);
  free((void *)(uintptr_t)im.base);
}

static int lies_inside(const struct ucdb_entry *a, const struct ucdb_entry *around)
{
  int at;

  if (a->six != around->six || a->bits < around->bits || (a->bits == around->bits && a->kind <= around->kind))
    return 0;
  for (at = 0; at < around->bits; ++at)
    if ((a->packed[at / 8] ^ around->packed[at / 8]) & 128 >> at % 8)
      return 0;
  return 1;
}

/* Number of the smallest entry around one, by a look at all. */
static uint32_t smallest_around(const struct ucdb_relations *all, const struct ucdb_entry *entry)
{
  uint32_t best = 0, at;

  for (at = 0; at < all->count; ++at) {
    const struct ucdb_entry *other = &all->entries[at];

    if (other->kind >= UCDB_ADDRESS && lies_inside(entry, other) &&
        (!best || lies_inside(other, &all->entries[best - 1])))
      best = at + 1;
  }
  return best;
}

static void compare_relations(const struct records *records)
{
  uint32_t count = (uint32_t)records->count, at, other;
  struct ucdb_image window = { records->bytes, records->used, UCDB_CDB };
  struct ucdb_record *keys = demand_memory(count * sizeof *keys);
  struct ucdb_relations all = {
    .records = records->bytes, .lines = records->lines, .count = count, .width = 10
  };
  uint64_t end = 0;

  all.entries = demand_memory(count * sizeof *all.entries);
  all.slots = demand_memory(((size_t)1 << all.width) * sizeof *all.slots);
  all.order = demand_memory(2 * count * sizeof *all.order);
  all.reported = demand_memory(count ? records->lines[count - 1] + 1 : 1);
  ucdb_relate(&all);
  for (at = 0; at < count; ++at) {
    const struct ucdb_entry *entry = &all.entries[at];

    demand(ucdb_record_at(&window, end, &keys[at], UCDB_CDB) && entry->position == end);
    end = ucdb_record_end(&keys[at]);
    for (other = 0; keys[other].key.len != keys[at].key.len ||
         memcmp(window.base + keys[other].key.pos, window.base + keys[at].key.pos, keys[at].key.len);)
      ++other;
    demand(entry->before == (other < at ? other + 1 : 0));
    demand(ucdb_related(&all, window.base + keys[at].key.pos, keys[at].key.len) == other + 1);
    if (!entry->before && entry->kind >= UCDB_ADDRESS)
      demand(entry->around == smallest_around(&all, entry));
  }
  free(keys);
  free(all.entries);
  free(all.slots);
  free(all.order);
  free(all.reported);
}

/* The first byte says where to cut. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  struct records records = { 0 };

  if (!size)
    return 0;
  compile_lines(&records, bytes + 1, size - 1, 4 * least_room(size - 1));
  compare_cut(&records, bytes + 1, size - 1, *bytes);
  compare_images(&records);
  if (records.count && records.count <= RELATED_MOST)
    compare_relations(&records);
  free_records(&records);
  return 0;
}
