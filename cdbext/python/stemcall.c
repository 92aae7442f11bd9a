#include "python/stemcall.h"

#include <stdint.h>

/* As cffi has the address of such a function. */
typedef int (*forking)(void *, void *);

PyObject *ustem_call(PyObject *module, PyObject *args)
{
  unsigned long long function, first, second;
  int result;

  (void)module;
  if (!PyArg_ParseTuple(args, "KKK", &function, &first, &second))
    return NULL;
  PyOS_BeforeFork();
  result = ((forking)(uintptr_t)function)((void *)(uintptr_t)first, (void *)(uintptr_t)second);
  if (result)
    PyOS_AfterFork_Parent();
  else
    PyOS_AfterFork_Child();
  return PyLong_FromLong(result);
}
