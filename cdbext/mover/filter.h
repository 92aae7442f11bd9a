/* addcr and delcr: from standard input to standard output. */
#ifndef MOVER_FILTER_H
#define MOVER_FILTER_H

/* Convert until the end of the input.  Returns the exit code: a failure is 111, without a word. */
int add_carriage_returns(void);
int remove_carriage_returns(void);

#endif
