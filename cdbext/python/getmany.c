/* get_many of the native image: groups of keys go into the C core together.
 *
 * The keys are a tuple of our own, of bytes objects alone, before the first is
 * looked up: from then on no Python code runs that could close the reader. */
#include "python/nativetypes.h"

#include "cdb/findmany.h"

static int all_are_bytes(PyObject *keys)
{
  Py_ssize_t i;

  for (i = 0; i < PyTuple_GET_SIZE(keys); ++i)
    if (!PyBytes_Check(PyTuple_GET_ITEM(keys, i)))
      return 0;
  return 1;
}

/* New tuple of the same keys as bytes. */
static PyObject *converted(PyObject *keys)
{
  PyObject *list = PyList_New(0);
  PyObject *tuple;
  Py_ssize_t i;

  for (i = 0; list && i < PyTuple_GET_SIZE(keys); ++i) {
    PyObject *key = ucdb_as_bytes(PyTuple_GET_ITEM(keys, i), "key");

    if (!key || PyList_Append(list, key))
      Py_CLEAR(list);
    Py_XDECREF(key);
  }
  tuple = list ? PyList_AsTuple(list) : NULL;
  Py_XDECREF(list);
  return tuple;
}

/* New tuple of bytes of any iterable of keys. */
static PyObject *keys_of(PyObject *iterable)
{
  PyObject *keys = PySequence_Tuple(iterable);
  PyObject *bytes;

  if (!keys || all_are_bytes(keys))
    return keys;
  bytes = converted(keys);
  Py_DECREF(keys);
  return bytes;
}

/* Look up the keys from first on and put what they give into the list.
 * Returns 0, or -1 with *fault set, or with an error when there was no memory. */
static int get_group(const struct ucdb_image *im, PyObject *keys, Py_ssize_t first, PyObject *missing,
                     PyObject *list, struct ucdb_fault *fault)
{
  struct ucdb_wanted wanted[UCDB_GROUP];
  Py_ssize_t left = PyTuple_GET_SIZE(keys) - first;
  int count = left < UCDB_GROUP ? (int)left : UCDB_GROUP;
  int i;

  for (i = 0; i < count; ++i) {
    PyObject *key = PyTuple_GET_ITEM(keys, first + i);

    wanted[i].key = ucdb_bytes(key);
    wanted[i].len = ucdb_bytes_len(key);
  }
  if (ucdb_find_group(im, wanted, count, fault) == UCDB_MALFORMED)
    return -1;
  for (i = 0; i < count; ++i) {
    PyObject *data = missing;

    if (wanted[i].data.pos)
      data = ucdb_copy(im, &wanted[i].data);
    else
      Py_INCREF(missing);
    if (!data)
      return -1;
    PyList_SET_ITEM(list, first + i, data);
  }
  return 0;
}

static PyObject *get_each(PyObject *object, PyObject *keys, PyObject *missing)
{
  struct ucdb_py_image *self = (struct ucdb_py_image *)object;
  struct ucdb_fault fault = { UCDB_SOUND, 0 };
  Py_ssize_t count = PyTuple_GET_SIZE(keys);
  PyObject *list = PyList_New(count);
  int result = list ? 0 : -1;
  int closed;
  Py_ssize_t i;

  Py_BEGIN_CRITICAL_SECTION(object);
  closed = !self->memory;
  for (i = 0; !closed && !result && i < count; i += UCDB_GROUP)
    result = get_group(&self->image, keys, i, missing, list, &fault);
  Py_END_CRITICAL_SECTION();
  if (!closed && !result)
    return list;
  Py_XDECREF(list);
  if (closed)
    ucdb_raise_closed();
  else if (fault.damage != UCDB_SOUND)
    ucdb_raise_fault(&fault);
  return NULL;
}

PyObject *ucdb_get_many(PyObject *self, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "keys", "default", NULL };
  PyObject *keys;
  PyObject *missing = Py_None;
  PyObject *list;

  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O", names, &keys, &missing))
    return NULL;
  keys = keys_of(keys);
  if (!keys)
    return NULL;
  list = get_each(self, keys, missing);
  Py_DECREF(keys);
  return list;
}
