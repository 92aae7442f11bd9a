#include "system/commandline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
  FIRST = 26, /* of the numbers of /proc/self/stat, counted from 1, that are addresses: start_code */
  LAST = 51,  /* and the last of them: env_end */
  START_DATA = 45
};

/* Set numbers[i] to the field i of the text of /proc/self/stat; -1 when it has too few. */
static int parse(const char *text, unsigned long long *numbers)
{
  const char *at = strrchr(text, ')');
  char *end;
  int i;

  if (!at || !at[1])
    return -1;
  at += 2 + 1; /* behind the state, which is a letter */
  for (i = 4; i <= LAST; ++i, at = end) {
    numbers[i] = strtoull(at, &end, 10);
    if (end == at)
      return -1;
  }
  return 0;
}

int usys_find_places(struct usys_places *places)
{
  unsigned long long n[LAST + 1];
  char text[2048];
  FILE *file = fopen("/proc/self/stat", "re");
  size_t length;

  if (!file)
    return -1;
  length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  if (parse(text, n) || !n[START_DATA + 3])
    return -1;
  places->code = n[FIRST];
  places->code_end = n[FIRST + 1];
  places->stack = n[FIRST + 2];
  places->data = n[START_DATA];
  places->data_end = n[START_DATA + 1];
  places->heap = n[START_DATA + 2];
  places->arguments = n[START_DATA + 3];
  places->arguments_end = n[START_DATA + 4];
  places->environ = n[START_DATA + 5];
  places->environ_end = n[START_DATA + 6];
  return 0;
}

int usys_show_arguments(const struct usys_places *places, const char *begin, const char *end)
{
  struct prctl_mm_map map;

  memset(&map, 0, sizeof map);
  map.start_code = places->code;
  map.end_code = places->code_end;
  map.start_stack = places->stack;
  map.start_data = places->data;
  map.end_data = places->data_end;
  map.start_brk = places->heap;
  map.brk = (uint64_t)(uintptr_t)sbrk(0);
  map.arg_start = (uint64_t)(uintptr_t)begin;
  map.arg_end = (uint64_t)(uintptr_t)end;
  map.env_start = places->environ;
  map.env_end = places->environ_end;
  map.exe_fd = (unsigned)-1;
  return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
}
