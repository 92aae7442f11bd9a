/* The address that begins a line of rules, as far as no parser is needed for it. */
#ifndef UCDB_RULEADDRESS_H
#define UCDB_RULEADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include "rules/networkkey.h"

/* How far a line is read, and where to stop: first at the end of the text, then,
 * once that is needed, at the blanks that end the line. */
struct ucdb_ruleline {
  const unsigned char *p;
  const unsigned char *end;
  /* The numbers of a range and where its text stands; start is NULL without one. */
  const unsigned char *start, *stop, *colon;
  int low, high;
  /* What a network or an IPv6 address is filed under: how long that is, or 0. */
  unsigned char key[UCDB_KEY6_MAX];
  size_t key_size;
  /* Bytes of room beyond two for each byte of text; whether more are wanted. */
  uint64_t spare;
  int full;
};

static inline int ucdb_is_digit(unsigned char byte)
{
  return byte >= '0' && byte <= '9';
}

static inline int ucdb_is_lower(unsigned char byte)
{
  return byte >= 'a' && byte <= 'z';
}

/* Read it up to the colon behind it; then that is where the line is read.  0 when
 * it is for the parser. */
int ucdb_read_address(struct ucdb_ruleline *line);

#endif
