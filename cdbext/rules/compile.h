/* Rules text into records, for the lines that need no interpretation. */
#ifndef UCDB_COMPILE_H
#define UCDB_COMPILE_H

#include <stdint.h>

enum ucdb_rules_status {
  UCDB_RULES_END, /* what is left holds no whole line */
  UCDB_RULES_ASK, /* the line at `at` is for the parser */
  UCDB_RULES_FULL /* no room for the records of the line at `at` */
};

/* Where a scan stands; all zeros begins one. */
struct ucdb_rules {
  uint64_t at;       /* of the next line in the text */
  uint64_t used;     /* bytes of out */
  uint64_t lines;    /* taken */
  uint64_t rules;    /* among them */
  uint64_t records;  /* of these: one each, but of a range one for each number */
  uint64_t before;   /* lines in front of the text */
  uint32_t *numbers; /* of the line of each record, if they are wanted: as many as fit out */
};

/* Take lines of text from scan->at on, and append their records to out as they
 * stand in a cdb file: both lengths, key, data.  Taken are empty lines,
 * comments, and rules that the parser would neither refuse nor remark on: an
 * IPv4 address, a prefix of one, either with a range that goes upwards, a
 * network, an IPv6 address without brackets and dots, a lower-case name or
 * nothing, then allow or deny and quoted variables.  A record is never more than
 * two bytes for each of its line, newline included; a range has more than one, a
 * network a longer one, and UCDB_RULES_FULL says that they want more room. */
int ucdb_rules_scan(const unsigned char *text, uint64_t len, unsigned char *out, uint64_t room,
                    struct ucdb_rules *scan);

#endif
