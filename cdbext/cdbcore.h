/* All that the module ucspi._cdbcore offers to Python. */
#ifndef UCDB_CDBCORE_H
#define UCDB_CDBCORE_H

#include "build.h"
#include "check.h"
#include "damage.h"
#include "find.h"
#include "hash.h"
#include "image.h"
#include "decide.h"
#include "lengths.h"
#include "many.h"
#include "recognise.h"
#include "relate.h"
#include "ruledata.h"
#include "rules.h"
#include "sieve.h"
#include "text.h"
#include "walk.h"

/* pytype.c; 0 when the native types were added to this module. */
int ucdb_register(void);

#endif
