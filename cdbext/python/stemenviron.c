/* The environment of a stem's child, in one step: for C and for os.environ.
 *
 * Python would set variable by variable, each of them also in C, which copies
 * its array of pointers for the first and keeps what it replaces. */
#include "python/stemenviron.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The bytes that a list of entries takes as C has them; 0 with an error set. */
static size_t measure(PyObject *entries)
{
  size_t size = sizeof(char *);
  Py_ssize_t i;

  for (i = 0; i < PyList_GET_SIZE(entries); ++i) {
    if (!PyBytes_CheckExact(PyList_GET_ITEM(entries, i))) {
      PyErr_SetString(PyExc_TypeError, "an entry is not bytes");
      return 0;
    }
    size += sizeof(char *) + (size_t)PyBytes_GET_SIZE(PyList_GET_ITEM(entries, i)) + 1;
  }
  return size;
}

/* Python has the first of several variables of one name, and what has no name's end is none. */
static int add_variable(PyObject *variables, PyObject *entry)
{
  const char *text = PyBytes_AS_STRING(entry), *equals = strchr(text, '=');
  PyObject *name, *value;
  int failed = -1;

  if (!equals)
    return 0;
  name = PyBytes_FromStringAndSize(text, equals - text);
  value = PyBytes_FromString(equals + 1);
  if (name && value)
    failed = PyDict_SetDefault(variables, name, value) ? 0 : -1;
  Py_XDECREF(name);
  Py_XDECREF(value);
  return failed;
}

static char **made; /* the block of the connection before, whose texts nobody has any more */

PyObject *ustem_set_environ(PyObject *module, PyObject *args)
{
  PyObject *variables, *entries;
  char **places, *text;
  size_t size;
  Py_ssize_t i;

  (void)module;
  if (!PyArg_ParseTuple(args, "O!O!", &PyDict_Type, &variables, &PyList_Type, &entries))
    return NULL;
  size = measure(entries);
  if (!size)
    return NULL;
  places = malloc(size);
  if (!places)
    return PyErr_NoMemory();
  text = (char *)(places + PyList_GET_SIZE(entries) + 1);
  PyDict_Clear(variables);
  for (i = 0; i < PyList_GET_SIZE(entries); ++i) {
    PyObject *entry = PyList_GET_ITEM(entries, i);

    places[i] = memcpy(text, PyBytes_AS_STRING(entry), (size_t)PyBytes_GET_SIZE(entry) + 1);
    text += PyBytes_GET_SIZE(entry) + 1;
    if (add_variable(variables, entry)) {
      free(places);
      return NULL;
    }
  }
  places[i] = NULL;
  free(made); /* what else was there is not freed: libc may have made it */
  environ = made = places;
  Py_RETURN_NONE;
}
