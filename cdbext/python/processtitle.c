/* The module ucspi._title: what others see of a process that the launcher started.
 *
 * The shown command line can be made to begin behind arguments that nobody typed. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>
#include <sys/prctl.h>

#include "system/commandline.h"

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
  struct usys_places places;
  unsigned long long begin;

  if (usys_find_places(&places))
    return -1;
  begin = skip(places.arguments, places.arguments_end, count);
  if (!begin)
    return -1;
  return usys_show_arguments(&places, (const char *)(uintptr_t)begin,
                             (const char *)(uintptr_t)places.arguments_end);
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
