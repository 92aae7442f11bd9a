/* The native builder: records in, blocks of the file out to a sink.
 *
 * This is its life, and the tables at the end; python/builderadd.c takes records, python/buildersink.c
 * sends blocks. */
#include "python/buildertype.h"

#include "cdb/buildtable.h"

typedef struct ucdb_py_builder Builder;

static void free_tables(Builder *self)
{
  int i;

  for (i = 0; i < UCDB_TABLES; ++i) {
    PyMem_Free(self->tables[i].bytes);
    self->tables[i].bytes = NULL;
    self->tables[i].count = self->tables[i].room = 0;
  }
}

static PyObject *builder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "sink", "format", NULL };
  const char *name = "cdb";
  PyObject *sink;
  Builder *self;
  int format;

  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$s", names, &sink, &name))
    return NULL;
  format = ucdb_format_of(name);
  if (format < 0)
    return PyErr_Format(PyExc_ValueError, "the format of a cdb file is cdb or cdb64, not %.100s", name);
  self = (Builder *)type->tp_alloc(type, 0);
  if (!self)
    return NULL;
  Py_INCREF(sink);
  self->sink = sink;
  self->format = format;
  self->position = ucdb_header_size(format);
  return (PyObject *)self;
}

static int builder_clear(PyObject *object)
{
  Builder *self = (Builder *)object;

  self->closed = 1;
  free_tables(self);
  Py_CLEAR(self->block);
  Py_CLEAR(self->sink);
  return 0;
}

static int builder_traverse(PyObject *object, visitproc visit, void *arg)
{
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(((Builder *)object)->sink);
  return 0;
}

static void builder_dealloc(PyObject *object)
{
  PyTypeObject *type = Py_TYPE(object);

  PyObject_GC_UnTrack(object);
  builder_clear(object);
  type->tp_free(object);
  Py_DECREF(type);
}

/* Build a table, append it, and forget its entries. */
static int put_table(Builder *self, struct ucdb_entries *table)
{
  uint64_t size = table->count * 2 * ucdb_pair_size(self->format);
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
  int result;

  if (!bytes)
    return -1;
  ucdb_table(table->bytes, table->count, (unsigned char *)PyBytes_AS_STRING(bytes), self->format);
  PyMem_Free(table->bytes);
  table->bytes = NULL;
  table->room = 0;
  result = ucdb_builder_put(self, bytes);
  Py_DECREF(bytes);
  return result;
}

/* Send tables and rest; the pointers into header. */
static int put_tables(Builder *self, unsigned char *header)
{
  uint64_t size = ucdb_pair_size(self->format);
  int i;

  for (i = 0; i < UCDB_TABLES; ++i, header += size) {
    struct ucdb_entries *table = &self->tables[i];

    ucdb_put_pair(header, self->position, table->count * 2, self->format);
    self->position += table->count * 2 * size;
    if (table->count && put_table(self, table))
      return -1;
  }
  return ucdb_builder_send(self);
}

PyDoc_STRVAR(finish_doc,
"finish($self, /)\n"
"--\n\n"
"Send the rest of the records and the tables; return the header.\n\n"
"Raises:\n"
"    ClosedError: the builder was finished or closed, or its sink failed.");

static PyObject *builder_finish(PyObject *object, PyObject *ignored)
{
  Builder *self = (Builder *)object;
  PyObject *header = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)ucdb_header_size(self->format));
  int result;

  (void)ignored;
  if (!header)
    return NULL;
  Py_BEGIN_CRITICAL_SECTION(object);
  result = self->sink ? put_tables(self, (unsigned char *)PyBytes_AS_STRING(header)) : ucdb_raise_finished();
  Py_CLEAR(self->sink);
  Py_END_CRITICAL_SECTION();
  if (result)
    Py_CLEAR(header);
  return header;
}

PyDoc_STRVAR(close_doc,
"close($self, /)\n"
"--\n\n"
"Drop what was added; from now on `add` and `finish` raise `ClosedError`.");

static PyObject *builder_close(PyObject *self, PyObject *ignored)
{
  (void)ignored;
  Py_BEGIN_CRITICAL_SECTION(self);
  builder_clear(self);
  Py_END_CRITICAL_SECTION();
  Py_RETURN_NONE;
}

PyDoc_STRVAR(add_doc,
"add($self, key, data, /)\n"
"--\n\n"
"Append a record.  Records under one key are found in the order added.\n\n"
"Raises:\n"
"    CdbTooLargeError: the file would become larger than 4 GB.  This\n"
"        record is not added; the builder can still be finished.\n"
"    ClosedError: the builder was finished or closed, or its sink failed.\n"
"    TypeError: key or data is not bytes-like.");

PyDoc_STRVAR(update_doc,
"update($self, pairs, /)\n"
"--\n\n"
"Append many records, given as an iterable of (key, data).\n\n"
"Raises what `add` raises; the records before the refused one are added.");

PyDoc_STRVAR(add_block_doc,
"add_block($self, block, /)\n"
"--\n\n"
"Append records that are in a block as in a cdb file, one directly after another.\n\n"
"A record is the length of the key and the length of the data, as numbers\n"
"of the format, then the key and the data.\n\n"
"Raises:\n"
"    ValueError: the last record crosses the end of the block.\n"
"    CdbTooLargeError, ClosedError: as `add`.\n\n"
"The records before the refused one are added.");

PyDoc_STRVAR(header_size_doc, "Length of the header in bytes, and so the position of the first record.");

static PyObject *builder_header_size(PyObject *self, void *ignored)
{
  (void)ignored;
  return PyLong_FromUnsignedLongLong(ucdb_header_size(((Builder *)self)->format));
}

static PyGetSetDef properties[] = {
  { "header_size", builder_header_size, NULL, header_size_doc, NULL },
  { NULL,          NULL,                NULL, NULL,            NULL },
};

static PyMethodDef methods[] = {
  { "add",       UCDB_METHOD(ucdb_builder_add), METH_FASTCALL, add_doc       },
  { "update",    ucdb_builder_update,           METH_O,        update_doc    },
  { "add_block", ucdb_builder_add_block,        METH_O,        add_block_doc },
  { "finish",    builder_finish,                METH_NOARGS,   finish_doc    },
  { "close",     builder_close,                 METH_NOARGS,   close_doc     },
  { NULL,        NULL,                          0,             NULL          },
};

PyDoc_STRVAR(builder_doc,
"Builder(sink, *, format='cdb')\n"
"--\n\n"
"Turns records into the bytes of a cdb file.\n\n"
"The sink gets everything behind the header.  The header is known last, as it\n"
"points at the tables: `finish` returns it, and the caller writes it at offset 0.\n\n"
"Args:\n"
"    sink: called with the bytes of the file behind the header, in order,\n"
"        in blocks.  If it raises, the builder cannot be used any more.\n"
"    format: ``cdb``, or ``cdb64`` for a file that may become larger than 4 GB.\n\n"
"Raises:\n"
"    ValueError: there is no such format.");

static PyType_Slot slots[] = {
  { Py_tp_doc,      (void *)builder_doc },
  { Py_tp_new,      builder_new         },
  { Py_tp_dealloc,  builder_dealloc     },
  { Py_tp_traverse, builder_traverse    },
  { Py_tp_clear,    builder_clear       },
  { Py_tp_methods,  methods             },
  { Py_tp_getset,   properties          },
  { 0,              NULL                },
};

PyType_Spec ucdb_builder_spec = {
  .name = "ucspi.cdb.Builder",
  .basicsize = sizeof(Builder),
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
  .slots = slots,
};
