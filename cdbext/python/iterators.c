/* The native iterators: all records under a key, and all records there are.
 *
 * They hold the reader and look at its image anew in every step, so closing the
 * reader ends them with ClosedError. */
#include "python/nativetypes.h"

#include "cdb/walkdistinct.h"

typedef struct {
  PyObject_HEAD
  PyObject *reader; /* NULL when the iterator is over */
  PyObject *key;    /* bytes; NULL in a walker */
  struct ucdb_cursor cursor;
  struct ucdb_walker walker;
  struct ucdb_distinct *distinct; /* walker: NULL when it gives every record */
  int keys;                       /* walker: gives keys without data */
} Iterator;

static PyObject *iterator_new(PyTypeObject *type, PyObject *reader)
{
  Iterator *self = (Iterator *)type->tp_alloc(type, 0);

  if (self) {
    Py_INCREF(reader);
    self->reader = reader;
  }
  return (PyObject *)self;
}

PyObject *ucdb_finder_new(PyObject *reader, PyObject *key)
{
  PyObject *self = iterator_new(ucdb_finder_type, reader);

  if (self) {
    Py_INCREF(key);
    ((Iterator *)self)->key = key;
  }
  return self;
}

PyObject *ucdb_walker_new(PyObject *reader, int distinct, int keys)
{
  PyObject *object = iterator_new(ucdb_walker_type, reader);
  Iterator *self = (Iterator *)object;

  if (!self)
    return NULL;
  self->keys = keys;
  if (distinct) {
    self->distinct = PyMem_Calloc(1, sizeof(*self->distinct));
    if (!self->distinct) {
      Py_DECREF(object);
      return PyErr_NoMemory();
    }
  }
  return object;
}

static int iterator_clear(PyObject *object)
{
  Iterator *self = (Iterator *)object;

  Py_CLEAR(self->reader);
  Py_CLEAR(self->key);
  return 0;
}

static int iterator_traverse(PyObject *object, visitproc visit, void *arg)
{
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(((Iterator *)object)->reader);
  return 0;
}

static void iterator_dealloc(PyObject *object)
{
  PyTypeObject *type = Py_TYPE(object);

  PyObject_GC_UnTrack(object);
  iterator_clear(object);
  PyMem_Free(((Iterator *)object)->distinct);
  type->tp_free(object);
  Py_DECREF(type);
}

/* The image to look at, NULL when the reader was closed. */
static const struct ucdb_image *image_of(const Iterator *self)
{
  const struct ucdb_py_image *reader = (struct ucdb_py_image *)self->reader;

  return reader->memory ? &reader->image : NULL;
}

/* After a step that gave nothing: the iterator is over, with or without error. */
static PyObject *finish(PyObject *object, enum ucdb_status status, int closed, const struct ucdb_fault *fault)
{
  Py_CLEAR(((Iterator *)object)->reader);
  if (closed)
    return ucdb_raise_closed();
  return status == UCDB_MALFORMED ? ucdb_raise_fault(fault) : NULL;
}

static PyObject *find_step(PyObject *object)
{
  Iterator *self = (Iterator *)object;
  const struct ucdb_image *im = image_of(self);
  enum ucdb_status status = UCDB_ABSENT;
  struct ucdb_fault fault;
  struct ucdb_span data;

  if (im)
    status = ucdb_find(im, &self->cursor, ucdb_bytes(self->key), ucdb_bytes_len(self->key), &data, &fault);
  if (status == UCDB_FOUND)
    return ucdb_copy(im, &data);
  return finish(object, status, !im, &fault);
}

/* Both copies are made before the tuple: making that may run any code. */
static PyObject *pair_of(PyObject *key, PyObject *data)
{
  PyObject *pair = key && data ? PyTuple_New(2) : NULL;

  if (!pair) {
    Py_XDECREF(key);
    Py_XDECREF(data);
    return NULL;
  }
  PyTuple_SET_ITEM(pair, 0, key);
  PyTuple_SET_ITEM(pair, 1, data);
  return pair;
}

static PyObject *walk_step(PyObject *object)
{
  Iterator *self = (Iterator *)object;
  const struct ucdb_image *im = image_of(self);
  enum ucdb_status status = UCDB_ABSENT;
  struct ucdb_record record;
  struct ucdb_fault fault;
  PyObject *key;

  if (im && self->distinct)
    status = ucdb_walk_distinct(im, self->distinct, &record, &fault);
  else if (im)
    status = ucdb_walk(im, &self->walker, &record, &fault);
  if (status != UCDB_FOUND)
    return finish(object, status, !im, &fault);
  key = ucdb_copy(im, &record.key);
  return self->keys ? key : pair_of(key, ucdb_copy(im, &record.data));
}

/* A step with both objects locked where there is no GIL. */
static PyObject *locked(PyObject *object, PyObject *(*step)(PyObject *))
{
  PyObject *result = NULL;
  PyObject *reader;

  Py_BEGIN_CRITICAL_SECTION(object);
  reader = ((Iterator *)object)->reader;
  if (reader) {
    Py_INCREF(reader); /* a step may drop it */
    Py_BEGIN_CRITICAL_SECTION(reader);
    result = step(object);
    Py_END_CRITICAL_SECTION();
    Py_DECREF(reader);
  }
  Py_END_CRITICAL_SECTION();
  return result;
}

static PyObject *finder_next(PyObject *object)
{
  return locked(object, find_step);
}

static PyObject *walker_next(PyObject *object)
{
  return locked(object, walk_step);
}

static PyType_Slot finder_slots[] = {
  { Py_tp_dealloc,  iterator_dealloc  },
  { Py_tp_traverse, iterator_traverse },
  { Py_tp_clear,    iterator_clear    },
  { Py_tp_iter,     PyObject_SelfIter },
  { Py_tp_iternext, finder_next       },
  { 0,              NULL              },
};

static PyType_Slot walker_slots[] = {
  { Py_tp_dealloc,  iterator_dealloc  },
  { Py_tp_traverse, iterator_traverse },
  { Py_tp_clear,    iterator_clear    },
  { Py_tp_iter,     PyObject_SelfIter },
  { Py_tp_iternext, walker_next       },
  { 0,              NULL              },
};

enum { FLAGS = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION };

PyType_Spec ucdb_finder_spec = {
  .name = "ucspi._cdbcore.Finder",
  .basicsize = sizeof(Iterator),
  .flags = FLAGS,
  .slots = finder_slots,
};

PyType_Spec ucdb_walker_spec = {
  .name = "ucspi._cdbcore.Walker",
  .basicsize = sizeof(Iterator),
  .flags = FLAGS,
  .slots = walker_slots,
};
