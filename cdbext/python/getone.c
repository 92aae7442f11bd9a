/* Looking a key up in the native image, with no Python frame in between.
 *
 * Nothing may run Python code between reading self->image and the last use of
 * it: such code could close the reader.  So the key is turned into bytes first,
 * and only bytes objects, which the garbage collector does not track, are made
 * meanwhile. */
#include "python/nativetypes.h"

#include "cdb/probe.h"
#include "cdb/hashsieve.h"

typedef struct ucdb_py_image Image;

/* Make the sieve.  Where it cannot be had, searches are as they were. */
static void make_sieve(Image *self)
{
  unsigned int width = ucdb_sieve_width(ucdb_sieve_slots(&self->image));

  if (!width)
    return;
  self->sieve = PyMem_RawCalloc((size_t)1 << (width - 6), sizeof(*self->sieve));
  self->width = width;
  if (self->sieve)
    ucdb_sieve_fill(&self->image, self->sieve, width);
}

static enum ucdb_status search(Image *self, PyObject *key, struct ucdb_span *span, struct ucdb_fault *fault)
{
  const struct ucdb_image *im = &self->image;
  uint64_t len = ucdb_bytes_len(key);
  uint64_t hash = ucdb_hash_of(ucdb_bytes(key), len);
  enum ucdb_status status;

  if (self->sieve && !ucdb_sieve_passes(self->sieve, self->width, hash))
    return UCDB_ABSENT;
  if (im->format == UCDB_CDB)
    status = ucdb_first_data(*im, hash, ucdb_bytes(key), len, span, fault, UCDB_CDB);
  else
    status = ucdb_first_data(*im, hash, ucdb_bytes(key), len, span, fault, im->format);
  if (status == UCDB_ABSENT && ++self->misses == self->sieve_misses)
    make_sieve(self);
  return status;
}

/* First record's data under key: 1 found, 0 absent, -1 with an error.  With
 * bytes not NULL a copy goes there, else its place into *span. */
static int locate(PyObject *object, PyObject *key, struct ucdb_span *span, PyObject **bytes)
{
  Image *self = (Image *)object;
  enum ucdb_status status = UCDB_ABSENT;
  struct ucdb_fault fault;
  int closed;

  key = ucdb_as_bytes(key, "key");
  if (!key)
    return -1;
  Py_BEGIN_CRITICAL_SECTION(object);
  closed = !self->memory;
  if (!closed)
    status = search(self, key, span, &fault);
  if (status == UCDB_FOUND && bytes)
    *bytes = ucdb_copy(&self->image, span);
  Py_END_CRITICAL_SECTION();
  Py_DECREF(key);
  if (closed)
    ucdb_raise_closed();
  else if (status == UCDB_MALFORMED)
    ucdb_raise_fault(&fault);
  else if (status == UCDB_ABSENT)
    return 0;
  else if (!bytes || *bytes)
    return 1;
  return -1;
}

const char ucdb_get_doc[] = PyDoc_STR(
    "get($self, key, /, default=None)\n"
    "--\n\n"
    "Return a copy of the first record's data under ``key``, else ``default``.\n\n"
    "Args:\n"
    "    key: any length, also empty; compared byte for byte.\n"
    "    default: returned if there is no such record.\n\n"
    "Raises:\n"
    "    CdbFormatError: something on the way to the record is damaged.\n"
    "    ClosedError: the reader was closed.\n"
    "    TypeError: the key is not bytes-like.");

/* The one argument that may be named is called so: 0, or -1 with an error. */
static int check_names(PyObject *names)
{
  Py_ssize_t i;

  for (i = 0; names && i < PyTuple_GET_SIZE(names); ++i) {
    PyObject *name = PyTuple_GET_ITEM(names, i);

    if (PyUnicode_CompareWithASCIIString(name, "default")) {
      PyErr_Format(PyExc_TypeError, "get has no argument named %R", name);
      return -1;
    }
  }
  return 0;
}

PyObject *ucdb_image_get(PyObject *self, PyObject *const *args, Py_ssize_t given, PyObject *names)
{
  Py_ssize_t count = given + (names ? PyTuple_GET_SIZE(names) : 0);
  struct ucdb_span span;
  PyObject *result = NULL;

  if (check_names(names))
    return NULL;
  if (given < 1 || count > 2) {
    PyErr_Format(PyExc_TypeError, "get expected 1 or 2 arguments, got %zd", count);
    return NULL;
  }
  if (!locate(self, args[0], &span, &result)) {
    result = count == 2 ? args[1] : Py_None;
    Py_INCREF(result);
  }
  return result;
}

PyObject *ucdb_image_subscript(PyObject *self, PyObject *key)
{
  struct ucdb_span span;
  PyObject *result = NULL;

  if (!locate(self, key, &span, &result))
    PyErr_SetObject(PyExc_KeyError, key);
  return result;
}

int ucdb_image_contains(PyObject *self, PyObject *key)
{
  struct ucdb_span span;

  return locate(self, key, &span, NULL);
}

const char ucdb_find_doc[] = PyDoc_STR(
    "find($self, key, /)\n"
    "--\n\n"
    "Return position and length in bytes of the first record's data, None if there is no record.\n\n"
    "``reader.view[position : position + length]`` is the data, not copied.\n"
    "Raises what `get` raises.");

PyObject *ucdb_image_find(PyObject *self, PyObject *key)
{
  struct ucdb_span span;

  switch (locate(self, key, &span, NULL)) {
    case 0: Py_RETURN_NONE;
    case 1: return Py_BuildValue("(KK)", (unsigned long long)span.pos, (unsigned long long)span.len);
    default: return NULL;
  }
}
