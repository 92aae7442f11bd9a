/* All that the module ucspi._cdbcore offers to Python. */
#ifndef UCDB_CDBCORE_H
#define UCDB_CDBCORE_H

#include "cdb/cdbmaketext.h"
#include "cdb/hashsieve.h"
#include "cdb/image.h"
#include "cdb/imagefault.h"
#include "rules/checkdata.h"
#include "rules/compile.h"
#include "rules/decide.h"
#include "rules/prefixlengths.h"
#include "rules/relatelines.h"

/* python/nativetypes.c; 0 when the native types were added to this module. */
int ucdb_register(void);

#endif
