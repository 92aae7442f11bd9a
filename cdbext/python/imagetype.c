/* The native image: what a reader is, and the ways into it that are no look-up
 * of one key. */
#include "python/nativetypes.h"

#include "cdb/check.h"
#include "cdb/recogniseformat.h"
#include "cdb/hashsieve.h"

typedef struct ucdb_py_image Image;

static PyObject *image_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "buffer", "format", NULL };
  PyObject *buffer, *view, *memory;
  const char *name = NULL;
  int format = UCDB_NO_FORMAT;
  Image *self;

  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$z", names, &buffer, &name))
    return NULL;
  if (name && (format = ucdb_format_of(name)) < 0)
    return PyErr_Format(PyExc_ValueError, "the format of a cdb file is cdb or cdb64, not %.100s", name);
  view = PyMemoryView_FromObject(buffer);
  if (!view)
    return NULL;
  memory = PyObject_CallMethod(view, "toreadonly", NULL);
  Py_SETREF(view, memory);
  if (view &&
      (PyMemoryView_GET_BUFFER(view)->ndim != 1 || strcmp(PyMemoryView_GET_BUFFER(view)->format, "B"))) {
    memory = PyObject_CallMethod(view, "cast", "s", "B");
    Py_SETREF(view, memory);
  }
  if (!view)
    return NULL;
  self = (Image *)type->tp_alloc(type, 0);
  if (!self || PyObject_GetBuffer(view, &self->buffer, PyBUF_SIMPLE)) {
    Py_XDECREF(self);
    Py_DECREF(view);
    return NULL;
  }
  self->memory = view;
  self->image.base = self->buffer.buf;
  self->image.size = (uint64_t)self->buffer.len;
  self->image.format = name ? format : ucdb_recognise(self->image.base, self->image.size);
  if (self->image.format == UCDB_NO_FORMAT) {
    struct ucdb_fault fault = { UCDB_BAD_FORMAT, 0 };

    Py_DECREF(self);
    return ucdb_raise_fault(&fault);
  }
  /* As many as cost what making it costs: then it is at worst twice the price. */
  self->sieve_misses = ucdb_sieve_slots(&self->image) / 32;
  if (self->image.size < ucdb_header_size(self->image.format)) {
    struct ucdb_fault fault = { UCDB_SHORT_HEADER, self->image.size };

    Py_DECREF(self);
    return ucdb_raise_fault(&fault);
  }
  return (PyObject *)self;
}

/* Also tp_clear: a reader in a reference cycle is closed. */
static int image_clear(PyObject *object)
{
  Image *self = (Image *)object;
  PyObject *memory;
  Py_buffer buffer;
  uint64_t *sieve;

  Py_BEGIN_CRITICAL_SECTION(object);
  memory = self->memory;
  buffer = self->buffer;
  sieve = self->sieve;
  self->sieve = NULL;
  self->memory = NULL;
  self->image.base = NULL;
  self->image.size = 0;
  Py_END_CRITICAL_SECTION();
  PyMem_RawFree(sieve);
  if (memory) { /* the last step, as it may run any code */
    PyBuffer_Release(&buffer);
    Py_DECREF(memory);
  }
  return 0;
}

/* Not the memoryview: the garbage collector would clear it while a buffer of it
 * is taken, which crashes (python/cpython#77894). */
static int image_traverse(PyObject *object, visitproc visit, void *arg)
{
  Py_VISIT(Py_TYPE(object));
  return 0;
}

static void image_dealloc(PyObject *object)
{
  PyTypeObject *type = Py_TYPE(object);

  PyObject_GC_UnTrack(object);
  image_clear(object);
  type->tp_free(object);
  Py_DECREF(type);
}

/* A new reference to the memoryview, NULL with an error when closed. */
static PyObject *borrow_memory(PyObject *object)
{
  PyObject *memory;

  Py_BEGIN_CRITICAL_SECTION(object);
  memory = ((Image *)object)->memory;
  Py_XINCREF(memory);
  Py_END_CRITICAL_SECTION();
  return memory ? memory : ucdb_raise_closed();
}

PyDoc_STRVAR(get_all_doc,
"get_all($self, key, /)\n"
"--\n\n"
"Yield the data of every record under ``key``, in the order added.\n\n"
"Args:\n"
"    key: any length, also empty; compared byte for byte.\n\n"
"Yields:\n"
"    A copy of each record's data, which stays valid after `close`.\n\n"
"Raises:\n"
"    CdbFormatError: something on the way is damaged.  What was yielded\n"
"        before is sound.\n"
"    ClosedError: the reader was closed, at once or between two steps.\n\n"
"Source: cr.yp.to/cdb/cdb.txt; duplicate keys are legal there.");

static PyObject *image_get_all(PyObject *self, PyObject *key)
{
  PyObject *memory, *finder;

  key = ucdb_as_bytes(key, "key");
  if (!key)
    return NULL;
  memory = borrow_memory(self); /* only to learn whether it is closed */
  finder = memory ? ucdb_finder_new(self, key) : NULL;
  Py_XDECREF(memory);
  Py_DECREF(key);
  return finder;
}

PyDoc_STRVAR(get_many_doc,
"get_many($self, /, keys, default=None)\n"
"--\n\n"
"Return a list of what `get` returns for each key, in the order of the keys, in less time.\n\n"
"Args:\n"
"    keys: any iterable, consumed before the first key is looked up; each\n"
"        key as for `get`.\n"
"    default: as for `get`.\n\n"
"Raises:\n"
"    what `get` raises, for the first key that meets damage.");

PyDoc_STRVAR(records_doc,
"records($self, /)\n"
"--\n\n"
"Yield key and data of every record, in the order added, duplicates too.\n\n"
"Raises:\n"
"    CdbFormatError: a record crosses the end of the records.  What was\n"
"        yielded before is sound.\n"
"    ClosedError: the reader was closed, at once or between two steps.");

static PyObject *image_records(PyObject *self, PyObject *ignored)
{
  (void)ignored;
  return ucdb_walker_new(self, 0, 0);
}

PyDoc_STRVAR(first_records_doc,
"first_records($self, /)\n"
"--\n\n"
"Yield each distinct key with its first data, in the order first added.\n\n"
"Raises what `records` raises.");

static PyObject *image_first_records(PyObject *self, PyObject *ignored)
{
  (void)ignored;
  return ucdb_walker_new(self, 1, 0);
}

static PyObject *image_iter(PyObject *self)
{
  return ucdb_walker_new(self, 1, 1);
}

PyDoc_STRVAR(check_doc,
"check($self, /, *, allow_removed=True)\n"
"--\n\n"
"Check the whole image; return its first damage, or None.  Damage is not raised.\n\n"
"An image is sound if each record can be found under its key, and every\n"
"slot names a record.\n\n"
"Args:\n"
"    allow_removed: whether records that ``cdb -c -0`` removed are\n"
"        allowed.  A hole in a file looks like such records.\n\n"
"Raises:\n"
"    ClosedError: the reader was closed.");

static PyObject *image_check(PyObject *self, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "allow_removed", NULL };
  PyObject *memory;
  int allow_removed = 1;
  struct ucdb_image image;
  struct ucdb_fault fault;
  unsigned char *scratch;
  Py_buffer buffer; /* our own, since the reader may be closed meanwhile */

  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$p", names, &allow_removed))
    return NULL;
  memory = borrow_memory(self);
  if (!memory)
    return NULL;
  if (PyObject_GetBuffer(memory, &buffer, PyBUF_SIMPLE)) {
    Py_DECREF(memory);
    return NULL;
  }
  image.base = buffer.buf;
  image.size = (uint64_t)buffer.len;
  image.format = ((Image *)self)->image.format;
  scratch = PyMem_RawCalloc(ucdb_check_scratch(&image), 1);
  if (scratch) {
    Py_BEGIN_ALLOW_THREADS
    ucdb_check(&image, scratch, allow_removed, &fault);
    Py_END_ALLOW_THREADS
    PyMem_RawFree(scratch);
  }
  PyBuffer_Release(&buffer);
  Py_DECREF(memory);
  if (!scratch)
    return PyErr_NoMemory();
  if (fault.damage != UCDB_SOUND)
    return ucdb_fault_object(&fault);
  Py_RETURN_NONE;
}

PyDoc_STRVAR(close_doc,
"close($self, /)\n"
"--\n\n"
"Close the reader; a second call does nothing.\n\n"
"A mapped file stays mapped until the last view of it is gone.");

static PyObject *image_close(PyObject *self, PyObject *ignored)
{
  (void)ignored;
  image_clear(self);
  Py_RETURN_NONE;
}

static PyObject *image_view(PyObject *self, void *ignored)
{
  PyObject *memory = borrow_memory(self);
  PyObject *view = memory ? PyMemoryView_FromObject(memory) : NULL;

  (void)ignored;
  Py_XDECREF(memory);
  return view;
}

static PyObject *image_closed(PyObject *self, void *ignored)
{
  PyObject *memory;

  (void)ignored;
  Py_BEGIN_CRITICAL_SECTION(self);
  memory = ((Image *)self)->memory;
  Py_END_CRITICAL_SECTION();
  return PyBool_FromLong(!memory);
}

static PyObject *image_format(PyObject *self, void *ignored)
{
  (void)ignored;
  return PyUnicode_FromString(ucdb_format_name(((Image *)self)->image.format));
}

static PyMethodDef methods[] = {
  { "get",           UCDB_METHOD(ucdb_image_get), METH_FASTCALL | METH_KEYWORDS, ucdb_get_doc      },
  { "find",          ucdb_image_find,             METH_O,                        ucdb_find_doc     },
  { "get_all",       image_get_all,               METH_O,                        get_all_doc       },
  { "get_many",      UCDB_METHOD(ucdb_get_many),  METH_VARARGS | METH_KEYWORDS,  get_many_doc      },
  { "records",       image_records,               METH_NOARGS,                   records_doc       },
  { "first_records", image_first_records,         METH_NOARGS,                   first_records_doc },
  { "check",         UCDB_METHOD(image_check),    METH_VARARGS | METH_KEYWORDS,  check_doc         },
  { "close",         image_close,                 METH_NOARGS,                   close_doc         },
  { NULL,            NULL,                        0,                             NULL              },
};

PyDoc_STRVAR(view_doc, "The image as a read-only memoryview, which stays valid after `close`.");
PyDoc_STRVAR(format_doc, "The format: ``cdb``, ``cdb64``, or ``cdblib64`` for pure-cdb's files over 4 GB.");
PyDoc_STRVAR(closed_doc, "Whether `close` was called.");

static PyGetSetDef properties[] = {
  { "view",   image_view,   NULL, view_doc,   NULL },
  { "format", image_format, NULL, format_doc, NULL },
  { "closed", image_closed, NULL, closed_doc, NULL },
  { NULL,     NULL,         NULL, NULL,       NULL },
};

PyDoc_STRVAR(image_doc,
"Image(buffer)\n"
"--\n\n"
"The bytes of a whole cdb file, and the ways to find records in them.");

static PyType_Slot slots[] = {
  { Py_tp_doc,       (void *)image_doc    },
  { Py_tp_new,       image_new            },
  { Py_tp_dealloc,   image_dealloc        },
  { Py_tp_traverse,  image_traverse       },
  { Py_tp_clear,     image_clear          },
  { Py_tp_iter,      image_iter           },
  { Py_tp_methods,   methods              },
  { Py_tp_getset,    properties           },
  { Py_sq_contains,  ucdb_image_contains  },
  { Py_mp_subscript, ucdb_image_subscript },
  { 0,               NULL                 },
};

PyType_Spec ucdb_image_spec = {
  .name = "ucspi._cdbcore.Image",
  .basicsize = sizeof(Image),
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
  .slots = slots,
};
