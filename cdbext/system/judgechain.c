/* The server's part of a chain: whether it may be used for a client. */
#include <errno.h>
#include <string.h>

#include "system/chain.h"

/* PATH decides which files the links find.  The others are orders for the dynamic
 * linker and the C library of an executed link's interpreter. */
int usys_has_a_say(const char *variable)
{
  static const char *const begins[] = { "LD_", "GLIBC_TUNABLES", "MALLOC_", "NSS" };
  size_t i;

  for (i = 0; i < sizeof begins / sizeof *begins; ++i)
    if (*variable == *begins[i] && !strncmp(variable, begins[i], strlen(begins[i])))
      return 1;
  return *variable == 'P' && !strncmp(variable, "PATH", 4) && (variable[4] == '=' || !variable[4]);
}

static int look_again(const struct usys_seen *seen)
{
  struct usys_glimpse glimpse = seen->glimpse;

  switch (usys_glance(seen->path, 1, &glimpse)) {
    case 1: return seen->error ? USYS_CHANGED : USYS_WARM;
    case -ENOENT: return seen->error == ENOENT ? USYS_WARM : USYS_CHANGED;
    case -EACCES: return seen->error == EACCES ? USYS_WARM : USYS_CHANGED;
    case -EAGAIN: /* the kernel has to ask a disk: the exec will, and then it knows */
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM: return USYS_COLD;
    default: return USYS_CHANGED;
  }
}

int usys_judge_chain(const struct usys_chain *chain, const char *variables, const char *end)
{
  int state = USYS_WARM;
  size_t i;

  for (; variables < end; variables += strlen(variables) + 1)
    if (usys_has_a_say(variables))
      return USYS_COLD;
  for (i = 0; i < chain->seen_count && state == USYS_WARM; ++i)
    state = look_again(&chain->seen[i]);
  return state;
}

int usys_judge_stem(const struct usys_chain *chain, const char *variables, size_t length)
{
  /* What the interpreter, its libraries or our own code in it look at only when they start. */
  static const char *const begins[] = { "PYTHON", "LANG", "LC_", "UCSPI_", "TZ", "OPENSSL_" };
  const char *at = variables, *end = variables + length;
  size_t i;

  for (; at < end; at += strlen(at) + 1)
    for (i = 0; i < sizeof begins / sizeof *begins; ++i)
      if (*at == *begins[i] && !strncmp(at, begins[i], strlen(begins[i])))
        return USYS_COLD;
  return usys_judge_chain(chain, variables, end);
}
