/* What the files that know Python share; no other file includes Python.h. */
#ifndef UCDB_NATIVETYPES_H
#define UCDB_NATIVETYPES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "cdb/imagefault.h"
#include "cdb/find.h"
#include "cdb/image.h"
#include "cdb/walk.h"

/* Without the GIL an object is locked while a call uses it, so that a close
 * beside a running get is safe; with it these are no more than braces.  As
 * CPython's own they end with a semicolon where they are used. */
#ifndef Py_GIL_DISABLED
#undef Py_BEGIN_CRITICAL_SECTION
#undef Py_END_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(object) \
  {                                       \
    (void)(object)
#define Py_END_CRITICAL_SECTION() \
  }                               \
  (void)0
#endif

/* The image of a reader.  Closed when memory is NULL. */
struct ucdb_py_image {
  PyObject_HEAD
  PyObject *memory; /* read-only memoryview of bytes over what the caller gave */
  Py_buffer buffer; /* of memory; keeps the bytes where they are */
  struct ucdb_image image;
  uint64_t *sieve;       /* NULL as long as there is none */
  unsigned int width;    /* of the sieve */
  uint64_t misses;       /* get and in of keys that were not there, as yet */
  uint64_t sieve_misses; /* how many pay for a sieve; 0: none is worth it */
};

/* The types, and the exceptions of ucspi.errors; set by ucdb_register. */
extern PyTypeObject *ucdb_image_type;
extern PyTypeObject *ucdb_finder_type;
extern PyTypeObject *ucdb_walker_type;
extern PyTypeObject *ucdb_builder_type;
extern PyObject *ucdb_format_error;
extern PyObject *ucdb_too_large_error;
extern PyObject *ucdb_closed_error;

extern PyType_Spec ucdb_image_spec;
extern PyType_Spec ucdb_finder_spec;
extern PyType_Spec ucdb_walker_spec;
extern PyType_Spec ucdb_builder_spec;

/* A method that takes its arguments in another way than as one tuple. */
#define UCDB_METHOD(function) ((PyCFunction)(void (*)(void))(function))

/* New reference to value as bytes, NULL with a TypeError that says what to do.
 * what is "key" or "data". */
PyObject *ucdb_as_bytes(PyObject *value, const char *what);

/* New CdbFormatError of a fault, not raised; NULL with another error. */
PyObject *ucdb_fault_object(const struct ucdb_fault *fault);

/* Raise it.  Returns NULL. */
PyObject *ucdb_raise_fault(const struct ucdb_fault *fault);

/* Raise ClosedError.  Returns NULL. */
PyObject *ucdb_raise_closed(void);

/* New bytes, a copy of a stretch that was found to lie inside the image. */
PyObject *ucdb_copy(const struct ucdb_image *im, const struct ucdb_span *span);

/* New iterators for ucdb_image_type.  A distinct walker gives the first record
 * of each key alone. */
PyObject *ucdb_finder_new(PyObject *reader, PyObject *key);
PyObject *ucdb_walker_new(PyObject *reader, int distinct, int keys);

/* The names of formats; the format of a name, -1 when it is none. */
const char *ucdb_format_name(int format);
int ucdb_format_of(const char *name);

/* Looking up one key, of ucdb_image_type. */
extern const char ucdb_get_doc[], ucdb_find_doc[];
PyObject *ucdb_image_get(PyObject *self, PyObject *const *args, Py_ssize_t given, PyObject *names);
PyObject *ucdb_image_find(PyObject *self, PyObject *key);
PyObject *ucdb_image_subscript(PyObject *self, PyObject *key);
int ucdb_image_contains(PyObject *self, PyObject *key);

/* The method get_many of ucdb_image_type. */
PyObject *ucdb_get_many(PyObject *reader, PyObject *args, PyObject *kwargs);

/* Add the types and functions to the module ucspi._cdbcore: 0, or -1 when the
 * native type cannot be had.  Takes the GIL, as cffi calls it without. */
int ucdb_register(void);

static inline const unsigned char *ucdb_bytes(PyObject *bytes)
{
  return (const unsigned char *)PyBytes_AS_STRING(bytes);
}

static inline uint64_t ucdb_bytes_len(PyObject *bytes)
{
  return (uint64_t)PyBytes_GET_SIZE(bytes);
}

#endif
