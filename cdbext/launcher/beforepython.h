/* What the start of Python would change, lose or need is seen to before it.  Each
 * function notes what was so, for `ucspi/_start.py` to put it back. */
#ifndef LAUNCHER_BEFOREPYTHON_H
#define LAUNCHER_BEFOREPYTHON_H

#include "launcher/text.h"

/* Block SIGINT.  Noted: i if it was blocked, p if SIGPIPE is ignored, x for SIGXFSZ. */
void look_at_signals(struct text *facts);

/* Python refuses to start on a directory, which nobody else cares about until it
 * is read: it lies above until the interpreter runs.  Noted: ,dFD:ASIDE. */
void put_directories_aside(struct text *facts);

/* Raise the soft limits of memory by what an interpreter is larger than a program
 * in C.  Nothing of Python locks memory, so that limit is good as it is.  Noted:
 * ,RESOURCE:SOFT. */
void raise_limits(struct text *facts);

#endif
