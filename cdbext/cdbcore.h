/* All that the module ucspi._cdbcore offers to Python. */
#ifndef UCDB_CDBCORE_H
#define UCDB_CDBCORE_H

#include "hash.h"

#endif
