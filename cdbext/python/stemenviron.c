/* The environment of a stem's child, in one step: for C and for os.environ.
 *
 * Python would set variable by variable, each of them also in C, which copies
 * its array of pointers for the first and keeps what it replaces.  What is done
 * here touches few pages, of which each would be copied for the child. */
#include "python/stemenviron.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two texts of variables: what is inherited, and a connection's own, each with a NUL. */
struct texts {
  PyObject *inherited;
  const char *own, *end;
};

/* The bytes that all of them take as C has them; 0 with an error set. */
static size_t measure(const struct texts *texts)
{
  size_t size = sizeof(char *) + (size_t)(texts->end - texts->own) + 1;
  const char *at;
  Py_ssize_t i;

  for (at = texts->own; at < texts->end; at += strlen(at) + 1)
    size += sizeof(char *);
  for (i = 0; i < PyList_GET_SIZE(texts->inherited); ++i) {
    PyObject *entry = PyList_GET_ITEM(texts->inherited, i);

    if (!PyBytes_CheckExact(entry)) {
      PyErr_SetString(PyExc_TypeError, "an entry is not bytes");
      return 0;
    }
    size += sizeof(char *) + (size_t)PyBytes_GET_SIZE(entry) + 1;
  }
  return size;
}

/* Whether a connection has a variable of an entry's name, which ends at its first "=". */
static int is_replaced(const char *entry, const struct texts *texts)
{
  const char *at;

  for (at = texts->own; at < texts->end; at += strlen(at) + 1)
    if (*at == *entry && !strncmp(at, entry, strcspn(at, "=") + 1))
      return 1;
  return 0;
}

/* Fill a block that is large enough: the pointers, then what they point at. */
static void fill(char **places, const struct texts *texts)
{
  Py_ssize_t count = PyList_GET_SIZE(texts->inherited), i;
  char *text, *end;
  const char *at;

  for (at = texts->own; at < texts->end; at += strlen(at) + 1)
    ++count;
  text = (char *)(places + count + 1);
  for (i = 0; i < PyList_GET_SIZE(texts->inherited); ++i) {
    PyObject *entry = PyList_GET_ITEM(texts->inherited, i);

    if (is_replaced(PyBytes_AS_STRING(entry), texts))
      continue;
    *places++ = memcpy(text, PyBytes_AS_STRING(entry), (size_t)PyBytes_GET_SIZE(entry) + 1);
    text += PyBytes_GET_SIZE(entry) + 1;
  }
  memcpy(text, texts->own, (size_t)(texts->end - texts->own));
  end = text + (texts->end - texts->own);
  *end = 0; /* a last one without its NUL has one too */
  for (; text < end; text += strlen(text) + 1)
    *places++ = text;
  *places = NULL;
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

static char **made; /* the block of the connection before, whose texts nobody has any more */

PyObject *ustem_set_environ(PyObject *module, PyObject *args)
{
  PyObject *variables;
  struct texts texts;
  char **places, **place;
  Py_ssize_t length;
  size_t size;

  (void)module;
  if (!PyArg_ParseTuple(args, "O!O!y#", &PyDict_Type, &variables, &PyList_Type, &texts.inherited, &texts.own,
                        &length))
    return NULL;
  texts.end = texts.own + length;
  size = measure(&texts);
  if (!size)
    return NULL;
  places = malloc(size);
  if (!places)
    return PyErr_NoMemory();
  fill(places, &texts);
  PyDict_Clear(variables);
  for (place = places; *place; ++place)
    if (add_variable(variables, *place)) {
      free(places);
      return NULL;
    }
  free(made); /* what else was there is not freed: libc may have made it */
  environ = made = places;
  Py_RETURN_NONE;
}
