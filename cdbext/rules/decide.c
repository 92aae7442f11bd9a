#include "rules/decide.h"

#include "rules/clientaddress.h"
#include "cdb/hash.h"
#include "cdb/findmany.h"
#include "cdb/probe.h"
#include "cdb/hashsieve.h"

/* Prefixes of one key that are searched together. */
struct prefixes {
  const unsigned char *key;
  int count;
  uint32_t size[UCDB_GROUP];
  uint64_t hash[UCDB_GROUP];
};

/* The first prefix that is there; as ucdb_rules_around.  Damage that a prefix
 * after a found one meets does not matter. */
static int64_t find_first(const struct ucdb_image *im, const struct prefixes *some, struct ucdb_fault *fault)
{
  struct ucdb_cursor cursors[UCDB_GROUP];
  enum ucdb_status begun[UCDB_GROUP];
  struct ucdb_fault faults[UCDB_GROUP];
  int i;

  for (i = 0; i < some->count; ++i) {
    begun[i] = ucdb_begin(im, &cursors[i], some->hash[i], &faults[i], im->format);
    if (begun[i] == UCDB_FOUND)
      __builtin_prefetch(im->base + cursors[i].table + cursors[i].index * ucdb_pair_size(im->format));
  }
  for (i = 0; i < some->count; ++i) {
    enum ucdb_status status = begun[i];
    struct ucdb_span data;

    if (status == UCDB_FOUND)
      status = ucdb_probe(im, &cursors[i], some->key, some->size[i], &data, &faults[i], im->format);
    if (status == UCDB_MALFORMED) {
      *fault = faults[i];
      return -1;
    }
    if (status == UCDB_FOUND)
      return (int64_t)(data.pos - some->size[i] - ucdb_pair_size(im->format));
  }
  return 0;
}

/* Whether a prefix may be there. */
static int passes(const struct ucdb_lengths *lengths, uint64_t hash)
{
  return !lengths->width || ucdb_sieve_passes(lengths->sieve, lengths->width, hash);
}

/* The network of one of these lengths, from `bits` on down, around a client. */
static int64_t find_network(const struct ucdb_image *im, const struct ucdb_lengths *all,
                            const struct ucdb_client *client, struct ucdb_fault *fault)
{
  const unsigned char *lengths = client->bits == 32 ? all->four : all->six;
  unsigned char key[UCDB_KEY6_MAX];
  uint64_t hashes[UCDB_KEY6_MAX]; /* of the prefix with that many bits */
  struct prefixes some = { key, 0, { 0 }, { 0 } };
  int64_t found = 0;
  int size;

  if (client->bits == 32)
    ucdb_key4(client->packed, 32, key);
  else
    ucdb_key6(client->packed, 128, key);
  hashes[0] = ucdb_hash_of(key, 1);
  for (size = 1; size <= client->bits; ++size)
    hashes[size] = ((hashes[size - 1] << 5) + hashes[size - 1]) ^ key[size];
  for (size = client->bits; size >= UCDB_LENGTH_MIN && !found; --size) {
    if (lengths[size] && passes(all, hashes[size])) {
      some.size[some.count] = (uint32_t)size + 1;
      some.hash[some.count++] = hashes[size];
    }
    if (some.count == UCDB_GROUP || size == UCDB_LENGTH_MIN) {
      found = find_first(im, &some, fault);
      some.count = 0;
    }
  }
  return found;
}

/* An address, and its prefixes that end in a dot, the longest first. */
static int64_t find_dotted(const struct ucdb_image *im, const struct ucdb_lengths *all,
                           const unsigned char *text, uint32_t len, struct ucdb_fault *fault)
{
  struct prefixes some = { text, 0, { 0 }, { 0 } };
  uint32_t size;
  int64_t found = 0;

  for (size = len; size && !found; --size) {
    if (size == len || text[size - 1] == '.') {
      uint64_t hash = ucdb_hash_of(text, size);

      if (passes(all, hash)) {
        some.size[some.count] = size;
        some.hash[some.count++] = hash;
      }
    }
    if (some.count == UCDB_GROUP || size == 1) {
      found = find_first(im, &some, fault);
      some.count = 0;
    }
  }
  return found;
}

static int64_t around(const struct ucdb_image *im, const struct ucdb_lengths *lengths,
                      const struct ucdb_client *client, struct ucdb_fault *fault)
{
  if (!client->bits || !lengths->any)
    return 0;
  return find_network(im, lengths, client, fault);
}

int64_t ucdb_rules_around(const struct ucdb_image *im, const struct ucdb_lengths *lengths,
                          const unsigned char *ip, uint32_t len, struct ucdb_fault *fault)
{
  struct ucdb_client client;

  ucdb_read_client(&client, ip, len);
  return around(im, lengths, &client, fault);
}

int64_t ucdb_rules_decide(const struct ucdb_image *im, const struct ucdb_lengths *lengths,
                          const unsigned char *ip, uint32_t len, struct ucdb_fault *fault)
{
  struct prefixes everybody = { NULL, 1, { 0 }, { 0 } };
  struct ucdb_client client;
  int64_t found;

  ucdb_read_client(&client, ip, len);
  found = find_dotted(im, lengths, client.text, client.len, fault);
  if (!found)
    found = around(im, lengths, &client, fault);
  if (found)
    return found;
  everybody.key = client.text;
  everybody.hash[0] = ucdb_hash_of(client.text, 0);
  return find_first(im, &everybody, fault);
}
