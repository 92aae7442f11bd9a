/* What can be wrong with an image, and where. */
#ifndef UCDB_IMAGEFAULT_H
#define UCDB_IMAGEFAULT_H

#include <stdint.h>

enum ucdb_status { UCDB_ABSENT, UCDB_FOUND, UCDB_MALFORMED };

enum ucdb_damage {
  UCDB_SOUND,
  UCDB_SHORT_HEADER,
  UCDB_BAD_TABLE,
  UCDB_BAD_SLOT,
  UCDB_BAD_RECORD,
  UCDB_BAD_HASH,
  UCDB_BAD_PLACE,
  UCDB_LOST_RECORD,
  UCDB_BAD_DATA,
  UCDB_BAD_FORMAT
};

struct ucdb_fault {
  int damage;      /* enum ucdb_damage */
  uint64_t offset; /* byte position of what is wrong */
};

/* Note a fault.  Returns UCDB_MALFORMED, so that finders can return it. */
static inline enum ucdb_status ucdb_malformed(struct ucdb_fault *fault, enum ucdb_damage damage,
                                              uint64_t offset)
{
  fault->damage = damage;
  fault->offset = offset;
  return UCDB_MALFORMED;
}

/* The same words as in ucspi/cdb/_imagefault.py; a test compares them. */
const char *ucdb_damage_text(int damage);

#endif
