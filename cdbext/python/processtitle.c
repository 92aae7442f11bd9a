/* The module ucspi._title: what others see of a process that the launcher started.
 *
 * The kernel shows as command line the memory between two addresses that it
 * keeps.  Whoever may set all such addresses at once, which takes no privilege,
 * can have it begin behind arguments that nobody typed. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

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

static int read_stat(unsigned long long *numbers)
{
  char text[2048];
  FILE *file = fopen("/proc/self/stat", "re");
  size_t length;

  if (!file)
    return -1;
  length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  return parse(text, numbers);
}

/* The address behind that many strings, or 0 when there are not as many. */
static unsigned long long skip(unsigned long long start, unsigned long long end, int count)
{
  const char *at = (const char *)(uintptr_t)start, *last = (const char *)(uintptr_t)end;

  while (count-- && at) {
    at = at < last ? memchr(at, 0, (size_t)(last - at)) : NULL;
    at = at ? at + 1 : NULL;
  }
  return (unsigned long long)(uintptr_t)at;
}

static int hide(int count)
{
  unsigned long long n[LAST + 1], begin;
  struct prctl_mm_map map;

  if (read_stat(n) || !n[START_DATA + 3])
    return -1;
  begin = skip(n[START_DATA + 3], n[START_DATA + 4], count);
  if (!begin)
    return -1;
  memset(&map, 0, sizeof map);
  map.start_code = n[FIRST];
  map.end_code = n[FIRST + 1];
  map.start_stack = n[FIRST + 2];
  map.start_data = n[START_DATA];
  map.end_data = n[START_DATA + 1];
  map.start_brk = n[START_DATA + 2];
  map.brk = (unsigned long long)(uintptr_t)sbrk(0);
  map.arg_start = begin;
  map.arg_end = n[START_DATA + 4];
  map.env_start = n[START_DATA + 5];
  map.env_end = n[START_DATA + 6];
  map.exe_fd = (unsigned)-1;
  return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
}

static PyObject *title_hide(PyObject *module, PyObject *args)
{
  const char *name;
  int count;

  (void)module;
  if (!PyArg_ParseTuple(args, "iy", &count, &name))
    return NULL;
  prctl(PR_SET_NAME, name, 0, 0, 0);
  return PyBool_FromLong(!hide(count));
}

static PyMethodDef methods[] = {
  { "hide", title_hide, METH_VARARGS,
   "Show a name, and no longer the first count arguments; return whether these are gone." },
  { NULL,   NULL,       0,            NULL                                                }
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_mod_gil
  { Py_mod_gil, Py_MOD_GIL_NOT_USED },
#endif
  { 0,          NULL                }
};

static struct PyModuleDef definition = {
  PyModuleDef_HEAD_INIT,
  .m_name = "ucspi._title",
  .m_methods = methods,
  .m_slots = slots,
};

PyMODINIT_FUNC PyInit__title(void);

PyMODINIT_FUNC PyInit__title(void)
{
  return PyModuleDef_Init(&definition);
}
