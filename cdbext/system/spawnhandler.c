/* The parent's part of starting a handler; system/handlerchild.c has the theory of operation. */
#include "system/spawnhandler.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system/chain.h"
#include "system/handlerchild.h"

static int is_busy(const struct usys_slot *slot)
{
  return __atomic_load_n(&slot->busy, __ATOMIC_ACQUIRE) ||
      __atomic_load_n(&slot->room.copier_busy, __ATOMIC_ACQUIRE);
}

/* A slot whose child is gone, or a new one; NULL without memory. */
static struct usys_slot *take_slot(struct usys_program *program)
{
  struct usys_slot *slot;

  for (slot = program->slots; slot; slot = slot->next)
    if (!is_busy(slot))
      return slot;
  slot = calloc(1, sizeof *slot);
  if (slot) {
    slot->program = program;
    slot->next = program->slots;
    program->slots = slot;
  }
  return slot;
}

static int reserve(struct usys_slot *slot, size_t size)
{
  char *texts;

  if (size <= slot->capacity)
    return 0;
  texts = realloc(slot->texts, size);
  if (!texts)
    return -1;
  slot->texts = texts;
  slot->capacity = size;
  return 0;
}

static size_t count_entries(char *const *entries)
{
  size_t count = 0;

  while (entries[count])
    ++count;
  return count;
}

static size_t count_texts(const char *texts, const char *end)
{
  size_t count = 0;

  for (; texts < end; texts += strlen(texts) + 1)
    ++count;
  return count;
}

/* Whether an entry has the name of one of the variables.  A name ends at its
 * first "=", which is compared too. */
static int is_replaced(const char *entry, const char *variables, const char *end)
{
  const char *at;

  for (at = variables; at < end; at += strlen(at) + 1)
    if (*at == *entry && !strncmp(at, entry, strcspn(at, "=") + 1))
      return 1;
  return 0;
}

static int is_pid_variable(const struct usys_program *program, const char *text)
{
  const char *name = program->pid_variable;

  return name && strlen(name) <= PID_NAME_MAX && !strcmp(text, name);
}

/* Fill a slot: the inherited variables that are not replaced, then the new. */
static int fill(struct usys_slot *slot, const char *variables, size_t variables_length, const char *log,
                size_t log_length)
{
  char *const *inherited = slot->program->command.environ;
  size_t entries = count_entries(inherited) + count_texts(variables, variables + variables_length) + 2;
  char **next, *text, *end;

  if (slot->chain)
    entries += slot->chain->variable_count;
  if (reserve(slot,
              entries * sizeof *next + variables_length + log_length +
                  (slot->chain ? slot->chain->spare : 0)))
    return -1;
  next = (char **)(void *)slot->texts;
  text = slot->texts + entries * sizeof *next;
  end = text + variables_length;
  memcpy(text, variables, variables_length);
  memcpy(end, log, log_length);
  slot->room.environ = next;
  slot->log = end;
  slot->room.spare = end + log_length;
  slot->room.spare_length = slot->chain ? slot->chain->spare : 0;
  slot->log_length = log_length;
  slot->pid_entry = NULL;
  for (; *inherited; ++inherited)
    if (!is_replaced(*inherited, text, end))
      *next++ = *inherited;
  for (; text < end; text += strlen(text) + 1) {
    if (is_pid_variable(slot->program, text))
      slot->pid_entry = next;
    *next++ = text;
  }
  *next = NULL;
  return 0;
}

void usys_capture_signals(struct usys_program *program)
{
  struct sigaction action;
  int number;

  pthread_sigmask(SIG_SETMASK, NULL, &program->mask);
  sigdelset(&program->mask, SIGCHLD);
  program->caught = 0;
  for (number = 1; number < NSIG && number <= USYS_SIGNALS; ++number)
    if (!sigaction(number, NULL, &action) && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN)
      program->caught |= (uint64_t)1 << (number - 1);
}

int usys_spawn(struct usys_program *program, int connection, int output, const char *variables,
               size_t variables_length, const char *log, size_t log_length, int keeps_score)
{
  struct usys_slot *slot = take_slot(program);
  int pid = -ENOMEM;

  program->chain_state = program->chain
      ? usys_judge_chain(program->chain, variables, variables + variables_length)
      : USYS_COLD;
  if (slot)
    slot->chain = program->chain_state == USYS_WARM ? program->chain : NULL;
  if (slot && !fill(slot, variables, variables_length, log, log_length)) {
    slot->connection = connection;
    slot->output = output;
    pid = usys_begin(slot, keeps_score);
  }
  close(connection);
  if (output >= 0)
    close(output);
  return pid;
}

int usys_is_preparing(const struct usys_program *program)
{
  const struct usys_slot *slot;

  for (slot = program->slots; slot; slot = slot->next)
    if (is_busy(slot))
      return 1;
  return 0;
}
