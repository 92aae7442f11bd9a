/* The environment of a stem's child, in one step: for C and for os.environ.
 *
 * Python would set variable by variable, each of them also in C, which copies
 * its array of pointers for the first and keeps what it replaces.  What is done
 * here touches few pages, of which each would be copied for the child: what all
 * connections have is there before the fork, and only a connection's own is added. */
#include "python/stemenviron.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What all connections have.  Nobody has these texts any more once they are replaced. */
static struct {
  char **places; /* ends with NULL; then what they point at */
  size_t count;  /* of places */
  PyObject *dictionary;
  int is_given; /* the dictionary of os.environ and C have just this */
} base;

static char **made; /* the block of the connection before */

/* Return a block of entries; NULL with an error set. */
static char **lay_out(PyObject *entries)
{
  Py_ssize_t count = PyList_GET_SIZE(entries), i;
  size_t size = sizeof(char *) * ((size_t)count + 1);
  char **places, *text;

  for (i = 0; i < count; ++i) {
    if (!PyBytes_CheckExact(PyList_GET_ITEM(entries, i))) {
      PyErr_SetString(PyExc_TypeError, "an entry is not bytes");
      return NULL;
    }
    size += (size_t)PyBytes_GET_SIZE(PyList_GET_ITEM(entries, i)) + 1;
  }
  places = malloc(size);
  if (!places) {
    PyErr_NoMemory();
    return NULL;
  }
  text = (char *)(places + count + 1);
  for (i = 0; i < count; ++i) {
    PyObject *entry = PyList_GET_ITEM(entries, i);

    places[i] = memcpy(text, PyBytes_AS_STRING(entry), (size_t)PyBytes_GET_SIZE(entry) + 1);
    text += PyBytes_GET_SIZE(entry) + 1;
  }
  places[count] = NULL;
  return places;
}

/* Python has the first of several variables of one name, and what has no name's end is none. */
static int add_variable(PyObject *variables, const char *text)
{
  const char *equals = strchr(text, '=');
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

static int remove_variable(PyObject *variables, const char *text)
{
  const char *equals = strchr(text, '=');
  PyObject *name = equals ? PyBytes_FromStringAndSize(text, equals - text) : NULL;
  int is_there = name ? PyDict_Contains(variables, name) : equals ? -1 : 0;

  if (is_there > 0)
    is_there = PyDict_DelItem(variables, name);
  Py_XDECREF(name);
  return is_there;
}

static int add_all(PyObject *variables, char *const *places)
{
  for (; *places; ++places)
    if (add_variable(variables, *places))
      return -1;
  return 0;
}

PyObject *ustem_set_environ(PyObject *module, PyObject *args)
{
  PyObject *variables, *entries, *dictionary;
  char **places;

  (void)module;
  if (!PyArg_ParseTuple(args, "O!O!", &PyDict_Type, &variables, &PyList_Type, &entries))
    return NULL;
  places = lay_out(entries);
  if (!places)
    return NULL;
  dictionary = PyDict_New();
  PyDict_Clear(variables);
  if (!dictionary || add_all(dictionary, places) || PyDict_Update(variables, dictionary)) {
    Py_XDECREF(dictionary);
    free(places);
    return NULL;
  }
  environ = places; /* what else was there is not freed: libc may have made it */
  free(made);
  made = NULL;
  free(base.places);
  Py_XSETREF(base.dictionary, dictionary);
  base.places = places;
  base.count = (size_t)PyList_GET_SIZE(entries);
  base.is_given = 1;
  Py_RETURN_NONE;
}

/* Whether one of a connection's own entries has the name of another, which ends at its first "=". */
static int is_replaced(const char *entry, const char *own, const char *end)
{
  for (; own < end; own += strlen(own) + 1)
    if (*own == *entry && !strncmp(own, entry, strcspn(own, "=") + 1))
      return 1;
  return 0;
}

/* Return a block of pointers: to what all have, less what is replaced, and to a copy of the others.
 *
 * first is where these begin. */
static char **join(const char *own, size_t length, char ***first)
{
  size_t count = base.count + 1, i;
  const char *at, *end = own + length;
  char **places, **place, *text;

  for (at = own; at < end; at += strlen(at) + 1)
    ++count;
  places = place = malloc(sizeof *places * count + length + 1);
  if (!places)
    return NULL;
  for (i = 0; i < base.count; ++i)
    if (!is_replaced(base.places[i], own, end))
      *place++ = base.places[i];
  *first = place;
  text = memcpy(places + count, own, length);
  text[length] = 0; /* a last one without its NUL has one too */
  for (at = text; at < text + length; at += strlen(at) + 1)
    *place++ = text + (at - text);
  *place = NULL;
  return places;
}

/* Change the dictionary of os.environ as `join` has changed the block. */
static int give(PyObject *variables, char *const *own)
{
  char *const *place;

  if (!base.is_given) {
    PyDict_Clear(variables);
    if (PyDict_Update(variables, base.dictionary))
      return -1;
  }
  base.is_given = 0;
  for (place = own; *place; ++place)
    if (remove_variable(variables, *place))
      return -1;
  return add_all(variables, own);
}

PyObject *ustem_add_environ(PyObject *module, PyObject *args)
{
  PyObject *variables;
  const char *own;
  Py_ssize_t length;
  char **places, **first;

  (void)module;
  if (!PyArg_ParseTuple(args, "O!y#", &PyDict_Type, &variables, &own, &length))
    return NULL;
  if (!base.dictionary) {
    PyErr_SetString(PyExc_RuntimeError, "nothing was given before");
    return NULL;
  }
  places = join(own, (size_t)length, &first);
  if (!places)
    return PyErr_NoMemory();
  if (give(variables, first)) {
    free(places);
    return NULL;
  }
  environ = places;
  free(made);
  made = places;
  Py_RETURN_NONE;
}
