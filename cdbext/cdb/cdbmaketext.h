/* cdbmake's text to records and back, for what needs no interpretation. */
#ifndef UCDB_CDBMAKETEXT_H
#define UCDB_CDBMAKETEXT_H

#include <stdint.h>

#include "numbers/decimal.h"

/* Where such work stands. */
struct ucdb_text {
  uint64_t at;      /* of the next entry or record in what is read */
  uint64_t used;    /* bytes of out */
  uint64_t records; /* done */
};

/* A record as text is at most this much longer than its key and data. */
enum { UCDB_TEXT_MORE = 2 * DECIMAL_MAX + 6 };

/* Take entries of text from text->at on, as long as they are whole, right, and
 * have lengths of one to eight digits, and append their records to out as they
 * stand in a file of the format.  The entry at text->at is then for the parser;
 * so is the empty line.  out has room for twice len - at bytes. */
void ucdb_text_load(const unsigned char *in, uint64_t len, unsigned char *out, int format,
                    struct ucdb_text *text);

/* Take records from text->at on, as long as they are whole and their text has
 * room in out, and append that. */
void ucdb_text_dump(const unsigned char *in, uint64_t len, unsigned char *out, uint64_t room, int format,
                    struct ucdb_text *text);

#endif
