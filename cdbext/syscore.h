/* All that the module ucspi._syscore offers to Python. */
#ifndef USYS_SYSCORE_H
#define USYS_SYSCORE_H

#include "accept.h"
#include "crlf.h"
#include "distribute.h"
#include "flush.h"
#include "glance.h"
#include "help.h"
#include "label.h"
#include "local.h"
#include "spawn.h"
#include "start.h"

#endif
