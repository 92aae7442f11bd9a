/* How the rules of a file relate: which has an address that came before, which
 * lies inside which, and which may be met where another one was expected.
 *
 * Addresses that are bits (IPv4, its dotted prefixes, networks, IPv6) are sorted,
 * so that each comes behind those around it, and one pass with a stack finds the
 * smallest around each.  Names are cut at their dots and looked up. */
#ifndef UCDB_RELATELINES_H
#define UCDB_RELATELINES_H

#include <stdint.h>

#include "rules/prefixlengths.h"

/* One record, and what is known about it.  The number of an entry is its index
 * plus one; 0 is none. */
struct ucdb_entry {
  uint64_t position;        /* of the record */
  uint32_t line;            /* it was made of */
  uint32_t around;          /* number of the smallest entry around it */
  uint32_t before;          /* number of the first entry with the same key, if that is another */
  unsigned char kind;       /* enum ucdb_kind */
  unsigned char six;        /* whether it has 128 bits */
  unsigned char bits;       /* how many of them count */
  unsigned char packed[16]; /* the address */
};

/* What is sorted: entries, and the bits that mostly tell which comes first. */
struct ucdb_ranked {
  uint64_t rank;
  uint32_t number;
};

enum ucdb_kind {
  UCDB_OTHER,     /* ident and names with it, users, what no client has */
  UCDB_EVERYBODY, /* the empty address */
  UCDB_NAME,
  UCDB_ADDRESS,
  UCDB_PREFIX, /* IPv4 with a dot at its end */
  UCDB_NETWORK
};

/* All room is the caller's, and zeros at first but for records and lines. */
struct ucdb_relations {
  const unsigned char *records; /* as they stand in a cdb file */
  const uint32_t *lines;        /* of which each record was made */
  struct ucdb_entry *entries;
  uint32_t count;
  uint64_t *slots; /* 2^width, more than twice count: hash and number of each first entry */
  unsigned int width;
  struct ucdb_ranked *order; /* twice count */
  unsigned char *reported;   /* by line: nothing new can be said of it */
  uint32_t everybody;        /* number of the entry with the empty key */
  uint32_t names;            /* how many keys begin as a name */
  uint32_t addresses;        /* how many do not, and have no ident */
  unsigned char differing;   /* whether not all data are the same */
};

/* Find keys that came before, what is around what, and the last four fields. */
void ucdb_relate(struct ucdb_relations *all);

/* The lengths of the networks among the keys; *lengths begins as zeros. */
void ucdb_related_lengths(const struct ucdb_relations *all, struct ucdb_lengths *lengths);

/* The number of the first entry with a key; 0 if there is none. */
uint32_t ucdb_related(const struct ucdb_relations *all, const unsigned char *key, uint64_t len);

/* The next entry after one (0: the first) whose key came before. */
uint32_t ucdb_next_repeated(const struct ucdb_relations *all, uint32_t number);

/* The next IPv4 network after one with a dotted prefix around it, which is
 * looked up before it; the prefix too. */
uint32_t ucdb_next_hidden(const struct ucdb_relations *all, uint32_t number, uint32_t *prefix);

/* The next entry after one about whose clients it is worth to ask whether the
 * first line for them is the one that decides: a wider rule stands above it and
 * says something else, or a wider one that is looked up sooner stands below, and
 * the upper line is not reported yet; or it is of a kind that is not compared here. */
uint32_t ucdb_next_suspect(const struct ucdb_relations *all, uint32_t number);

#endif
