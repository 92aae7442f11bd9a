/* Registering the native types: the door between the C core and CPython. */
#include "python/nativetypes.h"

#include "cdb/hash.h"

PyTypeObject *ucdb_image_type;
PyTypeObject *ucdb_finder_type;
PyTypeObject *ucdb_walker_type;
PyTypeObject *ucdb_builder_type;
PyObject *ucdb_format_error;
PyObject *ucdb_too_large_error;
PyObject *ucdb_closed_error;

PyObject *ucdb_as_bytes(PyObject *value, const char *what)
{
  PyObject *view, *bytes;

  if (PyBytes_Check(value)) {
    Py_INCREF(value);
    return value;
  }
  if (PyUnicode_Check(value)) {
    PyErr_Format(PyExc_TypeError,
                 "cdb %s must be bytes, not str: encode it first, for example with .encode()", what);
    return NULL;
  }
  view = PyMemoryView_FromObject(value);
  if (!view) {
    if (PyErr_ExceptionMatches(PyExc_TypeError))
      PyErr_Format(PyExc_TypeError, "cdb %s must be a bytes-like object, not %.100s", what,
                   Py_TYPE(value)->tp_name);
    return NULL;
  }
  bytes = PyBytes_FromObject(view);
  Py_DECREF(view);
  return bytes;
}

PyObject *ucdb_fault_object(const struct ucdb_fault *fault)
{
  PyObject *error = NULL;
  PyObject *arguments = Py_BuildValue("(s)", ucdb_damage_text(fault->damage));
  PyObject *named = Py_BuildValue("{sK}", "offset", (unsigned long long)fault->offset);

  if (arguments && named)
    error = PyObject_Call(ucdb_format_error, arguments, named);
  Py_XDECREF(arguments);
  Py_XDECREF(named);
  return error;
}

PyObject *ucdb_raise_fault(const struct ucdb_fault *fault)
{
  PyObject *error = ucdb_fault_object(fault);

  if (error) {
    PyErr_SetObject(ucdb_format_error, error);
    Py_DECREF(error);
  }
  return NULL;
}

PyObject *ucdb_raise_closed(void)
{
  PyErr_SetString(ucdb_closed_error, "the cdb reader is closed");
  return NULL;
}

PyObject *ucdb_copy(const struct ucdb_image *im, const struct ucdb_span *span)
{
  return PyBytes_FromStringAndSize((const char *)im->base + span->pos, (Py_ssize_t)span->len);
}

static const char *const FORMATS[] = { "cdb", "cdb64", "cdblib64" };

const char *ucdb_format_name(int format)
{
  return FORMATS[format];
}

int ucdb_format_of(const char *name)
{
  int format;

  for (format = UCDB_CDB; format <= UCDB_CDBLIB64; ++format)
    if (!strcmp(name, FORMATS[format]))
      return format;
  return -1;
}

PyDoc_STRVAR(hash_doc,
"hash($module, key, /)\n"
"--\n\n"
"Return the cdb hash of a key: 32 bits, unsigned.\n\n"
"Source: cr.yp.to/cdb/cdb.txt.");

/* The whole hash of a key: 0, or -1 with an error. */
static int hash_object(PyObject *key, uint64_t *hash)
{
  PyObject *bytes = ucdb_as_bytes(key, "key");

  if (!bytes)
    return -1;
  *hash = ucdb_hash_of(ucdb_bytes(bytes), ucdb_bytes_len(bytes));
  Py_DECREF(bytes);
  return 0;
}

static PyObject *py_hash(PyObject *module, PyObject *key)
{
  uint64_t hash;

  (void)module;
  return hash_object(key, &hash) ? NULL : PyLong_FromUnsignedLong((uint32_t)hash);
}

PyDoc_STRVAR(hash64_doc,
"hash64($module, key, /)\n"
"--\n\n"
"Return the cdb64 hash of a key: 64 bits, unsigned; `hash` is its low half.\n\n"
"Source: cdb-20251021.");

static PyObject *py_hash64(PyObject *module, PyObject *key)
{
  uint64_t hash;

  (void)module;
  return hash_object(key, &hash) ? NULL : PyLong_FromUnsignedLongLong(hash);
}

static PyMethodDef functions[] = {
  { "hash",   py_hash,   METH_O, hash_doc   },
  { "hash64", py_hash64, METH_O, hash64_doc },
  { NULL,     NULL,      0,      NULL       },
};

static int add_type(PyObject *module, const char *name, PyType_Spec *spec, PyTypeObject **type)
{
  if (!*type)
    *type = (PyTypeObject *)PyType_FromSpec(spec);
  return *type ? PyObject_SetAttrString(module, name, (PyObject *)*type) : -1;
}

static int take_error(PyObject *errors, const char *name, PyObject **error)
{
  if (!*error)
    *error = PyObject_GetAttrString(errors, name);
  return *error ? 0 : -1;
}

static int fill(PyObject *module, PyObject *errors)
{
  if (take_error(errors, "CdbFormatError", &ucdb_format_error) ||
      take_error(errors, "CdbTooLargeError", &ucdb_too_large_error) ||
      take_error(errors, "ClosedError", &ucdb_closed_error))
    return -1;
  if (add_type(module, "Image", &ucdb_image_spec, &ucdb_image_type) ||
      add_type(module, "Finder", &ucdb_finder_spec, &ucdb_finder_type) ||
      add_type(module, "Walker", &ucdb_walker_spec, &ucdb_walker_type) ||
      add_type(module, "Builder", &ucdb_builder_spec, &ucdb_builder_type))
    return -1;
  return PyModule_AddFunctions(module, functions);
}

int ucdb_register(void)
{
  PyGILState_STATE gil = PyGILState_Ensure();
  PyObject *module = PyImport_ImportModule("ucspi._cdbcore");
  PyObject *errors = PyImport_ImportModule("ucspi.errors");
  int result = module && errors ? fill(module, errors) : -1;

  Py_XDECREF(module);
  Py_XDECREF(errors);
  if (result)
    PyErr_Clear();
  PyGILState_Release(gil);
  return result;
}
