/* The native builder: records in, blocks of the file out to a sink.
 *
 * The slots of each table are gathered as they come, 8 bytes per record (in a
 * cdb64 16), so the tables are built one by one at the end and the data is
 * never kept. */
#include "pytype.h"

#include "build.h"
#include "hash.h"

enum { BLOCK_SIZE = 65536, FIRST_ROOM = 8 };

/* A position must fit its number, and the offset of a file. */
static uint64_t file_max(int format)
{
  return format == UCDB_CDB ? UINT32_MAX : INT64_MAX;
}

/* What one table will hold: (hash, record position), in the order added. */
struct entries {
  unsigned char *bytes;
  uint64_t count;
  uint64_t room;
};

typedef struct {
  PyObject_HEAD
  PyObject *sink;  /* NULL when finished, and while it is called */
  PyObject *block; /* bytes being filled, BLOCK_SIZE long */
  Py_ssize_t used;
  uint64_t position;
  uint64_t count;
  int closed; /* for good */
  int format;
  struct entries tables[UCDB_TABLES];
} Builder;

static void free_tables(Builder *self)
{
  int i;

  for (i = 0; i < UCDB_TABLES; ++i) {
    PyMem_Free(self->tables[i].bytes);
    self->tables[i].bytes = NULL;
    self->tables[i].count = self->tables[i].room = 0;
  }
}

static PyObject *builder_new(PyTypeObject *type, PyObject *args,
                             PyObject *kwargs)
{
  static char *names[] = {"sink", "format", NULL};
  const char *name = "cdb";
  PyObject *sink;
  Builder *self;
  int format;

  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$s", names, &sink, &name))
    return NULL;
  format = ucdb_format_of(name);
  if (format < 0)
    return PyErr_Format(PyExc_ValueError,
                        "the format of a cdb file is cdb or cdb64, not %.100s",
                        name);
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

static int raise_finished(void)
{
  PyErr_SetString(ucdb_closed_error, "the cdb builder is finished");
  return -1;
}

/* Give bytes to the sink.  If that fails the builder is finished for good, so
 * that nobody completes a file with a hole in it. */
static int pass(Builder *self, PyObject *bytes)
{
  PyObject *sink = self->sink;
  PyObject *result;

  if (!sink)
    return raise_finished();
  self->sink = NULL;
  result = PyObject_CallOneArg(sink, bytes);
  if (!result || self->closed) {
    Py_DECREF(sink);
    if (result)
      raise_finished(); /* closed by its own sink */
    Py_XDECREF(result);
    return -1;
  }
  Py_DECREF(result);
  self->sink = sink;
  return 0;
}

/* Send what is gathered in the block. */
static int send(Builder *self)
{
  PyObject *block = self->block;
  Py_ssize_t used = self->used;
  int result;

  self->block = NULL;
  self->used = 0;
  if (!block)
    return 0;
  if (used < BLOCK_SIZE && _PyBytes_Resize(&block, used))
    return -1;
  result = used ? pass(self, block) : 0;
  Py_DECREF(block);
  return result;
}

/* Room for len bytes, fewer than BLOCK_SIZE, in the block. */
static unsigned char *room_for(Builder *self, Py_ssize_t len)
{
  unsigned char *room;

  if (self->block && self->used + len > BLOCK_SIZE && send(self))
    return NULL;
  if (!self->block) {
    self->block = PyBytes_FromStringAndSize(NULL, BLOCK_SIZE);
    if (!self->block)
      return NULL;
  }
  room = (unsigned char *)PyBytes_AS_STRING(self->block) + self->used;
  self->used += len;
  return room;
}

/* Append bytes to the file; large ones are not copied. */
static int put(Builder *self, PyObject *bytes)
{
  Py_ssize_t len = PyBytes_GET_SIZE(bytes);
  unsigned char *room;

  if (len >= BLOCK_SIZE)
    return send(self) ? -1 : pass(self, bytes);
  room = room_for(self, len);
  if (!room)
    return -1;
  memcpy(room, PyBytes_AS_STRING(bytes), (size_t)len);
  return 0;
}

static int put_record(Builder *self, PyObject *key, PyObject *data)
{
  unsigned char *head =
      room_for(self, (Py_ssize_t)ucdb_pair_size(self->format));

  if (!head)
    return -1;
  ucdb_put_pair(head, ucdb_bytes_len(key), ucdb_bytes_len(data), self->format);
  return put(self, key) || put(self, data) ? -1 : 0;
}

/* Where the next entry of a table goes, NULL without memory. */
static unsigned char *entry_for(struct entries *table, uint64_t size)
{
  if (table->count == table->room) {
    uint64_t room = table->room ? table->room + table->room / 2 : FIRST_ROOM;
    unsigned char *bytes =
        PyMem_Realloc(table->bytes, (size_t)(room * size));

    if (!bytes)
      return NULL;
    table->bytes = bytes;
    table->room = room;
  }
  return table->bytes + table->count * size;
}

/* Give a record its entry and its place in the file: 0, or -1 with an error. */
static int enter(Builder *self, const unsigned char *key, uint64_t key_len,
                 uint64_t data_len)
{
  uint64_t size = ucdb_pair_size(self->format);
  uint64_t end = self->position + size + key_len + data_len;
  uint64_t hash = ucdb_hash_of(key, key_len);
  struct entries *table = &self->tables[hash % UCDB_TABLES];
  unsigned char *entry;

  if (end + (self->count + 1) * size * 2 > file_max(self->format)) {
    PyErr_SetString(ucdb_too_large_error,
                    "a cdb file cannot pass 4 GB; a cdb64 file can");
    return -1;
  }
  entry = entry_for(table, size);
  if (!entry) {
    PyErr_NoMemory();
    return -1;
  }
  ucdb_put_pair(entry, ucdb_hash_in(hash, self->format), self->position,
                self->format);
  ++table->count;
  ++self->count;
  self->position = end;
  return 0;
}

/* A record of two bytes objects: 0, or -1 with an error. */
static int add(Builder *self, PyObject *key, PyObject *data)
{
  if (!self->sink)
    return raise_finished();
  if (enter(self, ucdb_bytes(key), ucdb_bytes_len(key), ucdb_bytes_len(data)))
    return -1;
  if (put_record(self, key, data)) {
    Py_CLEAR(self->sink); /* also when there was no memory */
    return -1;
  }
  return 0;
}

/* Enter the records of a block one by one.  Returns how many bytes of it were
 * entered; all of them, or an error is set. */
static uint64_t enter_block(Builder *self, const struct ucdb_image *block)
{
  uint64_t size = ucdb_pair_size(self->format);
  uint64_t at = 0;

  while (at < block->size) {
    const unsigned char *head = ucdb_at(block, at, size);
    uint64_t key_len = head ? ucdb_first(head, self->format) : 0;
    uint64_t data_len = head ? ucdb_second(head, self->format) : 0;

    /* One by one: the sum of two 64-bit lengths may wrap. */
    if (!head || !ucdb_at(block, at + size, key_len)
        || !ucdb_at(block, at + size + key_len, data_len)) {
      PyErr_SetString(PyExc_ValueError, "a record crosses the end of its block");
      return at;
    }
    if (enter(self, head + size, key_len, data_len))
      return at;
    at += size + key_len + data_len;
  }
  return at;
}

/* Append the first len bytes of a block; the whole of a large one is not copied. */
static int put_entered(Builder *self, PyObject *bytes, uint64_t len)
{
  PyObject *part;
  int result;

  if (len == ucdb_bytes_len(bytes))
    return put(self, bytes);
  part = PyBytes_FromStringAndSize(PyBytes_AS_STRING(bytes), (Py_ssize_t)len);
  result = part ? put(self, part) : -1;
  Py_XDECREF(part);
  return result;
}

static int add_block(Builder *self, PyObject *bytes)
{
  struct ucdb_image block = { ucdb_bytes(bytes), ucdb_bytes_len(bytes), self->format };
  PyObject *type, *value, *trace;
  uint64_t entered;

  if (!self->sink)
    return raise_finished();
  entered = enter_block(self, &block);
  PyErr_Fetch(&type, &value, &trace); /* what was entered must be written first */
  if (put_entered(self, bytes, entered)) {
    Py_CLEAR(self->sink);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return -1;
  }
  PyErr_Restore(type, value, trace);
  return type ? -1 : 0;
}

PyDoc_STRVAR(add_doc,
"add($self, key, data, /)\n"
"--\n\n"
"Append a record; the order added is the order found.\n\n"
"Raises:\n"
"    CdbTooLargeError: the file would pass 4 GB.  Nothing of this record\n"
"        was added; the builder can still be finished.\n"
"    ClosedError: the builder was finished, or its sink failed.");

/* One item of what update is given: 0, or -1 with an error. */
static int add_pair(PyObject *self, PyObject *pair)
{
  PyObject *both, *key, *data;
  int result = -1;

  both = PySequence_Tuple(pair); /* itself where it is one */
  if (!both)
    return -1;
  if (PyTuple_GET_SIZE(both) != 2) {
    PyErr_Format(PyExc_ValueError, "a record is a key and data, not %zd items",
                 PyTuple_GET_SIZE(both));
    Py_DECREF(both);
    return -1;
  }
  key = ucdb_as_bytes(PyTuple_GET_ITEM(both, 0), "key");
  data = key ? ucdb_as_bytes(PyTuple_GET_ITEM(both, 1), "data") : NULL;
  if (data) {
    Py_BEGIN_CRITICAL_SECTION(self);
    result = add((Builder *)self, key, data);
    Py_END_CRITICAL_SECTION();
  }
  Py_XDECREF(key);
  Py_XDECREF(data);
  Py_DECREF(both);
  return result;
}

PyDoc_STRVAR(update_doc,
"update($self, pairs, /)\n"
"--\n\n"
"Append many records: any iterable of (key, data), consumed once.\n\n"
"Raises as `add` does; the records before the refused one are added.");

static PyObject *builder_update(PyObject *self, PyObject *pairs)
{
  PyObject *iterator = PyObject_GetIter(pairs);
  PyObject *pair;

  while (iterator && (pair = PyIter_Next(iterator))) {
    if (add_pair(self, pair))
      Py_CLEAR(iterator);
    Py_DECREF(pair);
  }
  Py_XDECREF(iterator);
  if (PyErr_Occurred())
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *builder_add(PyObject *self, PyObject *const *args,
                             Py_ssize_t count)
{
  PyObject *key, *data;
  int result = -1;

  if (count != 2) {
    PyErr_Format(PyExc_TypeError, "add expected 2 arguments, got %zd", count);
    return NULL;
  }
  key = ucdb_as_bytes(args[0], "key");
  data = key ? ucdb_as_bytes(args[1], "data") : NULL;
  if (data) {
    Py_BEGIN_CRITICAL_SECTION(self);
    result = add((Builder *)self, key, data);
    Py_END_CRITICAL_SECTION();
  }
  Py_XDECREF(key);
  Py_XDECREF(data);
  if (result)
    return NULL;
  Py_RETURN_NONE;
}

PyDoc_STRVAR(add_block_doc,
"add_block($self, block, /)\n"
"--\n\n"
"Append records that stand one after another as in a cdb file: the length of\n"
"the key and of the data, as the format has them, then key and data.\n\n"
"Raises:\n"
"    ValueError: the last record crosses the end of the block.\n"
"    CdbTooLargeError, ClosedError: as `add`.\n"
"The records before the refused one are added.");

static PyObject *builder_add_block(PyObject *self, PyObject *block)
{
  PyObject *bytes = ucdb_as_bytes(block, "block");
  int result;

  if (!bytes)
    return NULL;
  Py_BEGIN_CRITICAL_SECTION(self);
  result = add_block((Builder *)self, bytes);
  Py_END_CRITICAL_SECTION();
  Py_DECREF(bytes);
  if (result)
    return NULL;
  Py_RETURN_NONE;
}

/* Build a table, append it, and forget its entries. */
static int put_table(Builder *self, struct entries *table)
{
  uint64_t size = table->count * 2 * ucdb_pair_size(self->format);
  PyObject *bytes =
      PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
  int result;

  if (!bytes)
    return -1;
  ucdb_table(table->bytes, table->count,
             (unsigned char *)PyBytes_AS_STRING(bytes), self->format);
  PyMem_Free(table->bytes);
  table->bytes = NULL;
  table->room = 0;
  result = put(self, bytes);
  Py_DECREF(bytes);
  return result;
}

/* Send tables and rest; the pointers into header. */
static int put_tables(Builder *self, unsigned char *header)
{
  uint64_t size = ucdb_pair_size(self->format);
  int i;

  for (i = 0; i < UCDB_TABLES; ++i, header += size) {
    struct entries *table = &self->tables[i];

    ucdb_put_pair(header, self->position, table->count * 2, self->format);
    self->position += table->count * 2 * size;
    if (table->count && put_table(self, table))
      return -1;
  }
  return send(self);
}

PyDoc_STRVAR(finish_doc,
"finish($self, /)\n"
"--\n\n"
"Send the rest of the records and the tables; return the header.\n\n"
"Raises:\n"
"    ClosedError: the builder was finished, or its sink failed.");

static PyObject *builder_finish(PyObject *object, PyObject *ignored)
{
  Builder *self = (Builder *)object;
  PyObject *header = PyBytes_FromStringAndSize(
      NULL, (Py_ssize_t)ucdb_header_size(self->format));
  int result;

  (void)ignored;
  if (!header)
    return NULL;
  Py_BEGIN_CRITICAL_SECTION(object);
  result = self->sink
               ? put_tables(self, (unsigned char *)PyBytes_AS_STRING(header))
               : raise_finished();
  Py_CLEAR(self->sink);
  Py_END_CRITICAL_SECTION();
  if (result)
    Py_CLEAR(header);
  return header;
}

PyDoc_STRVAR(close_doc,
"close($self, /)\n"
"--\n\n"
"Give up: forget what was added; `add` and `finish` raise `ClosedError` from now on.");

static PyObject *builder_close(PyObject *self, PyObject *ignored)
{
  (void)ignored;
  Py_BEGIN_CRITICAL_SECTION(self);
  builder_clear(self);
  Py_END_CRITICAL_SECTION();
  Py_RETURN_NONE;
}

static PyObject *builder_header_size(PyObject *self, void *ignored)
{
  (void)ignored;
  return PyLong_FromUnsignedLongLong(
      ucdb_header_size(((Builder *)self)->format));
}

static PyGetSetDef properties[] = {
  {"header_size", builder_header_size, NULL,
   "Length of the header in bytes: where the records begin.", NULL},
  {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
  {"add", (PyCFunction)(void (*)(void))builder_add, METH_FASTCALL, add_doc},
  {"update", builder_update, METH_O, update_doc},
  {"add_block", builder_add_block, METH_O, add_block_doc},
  {"finish", builder_finish, METH_NOARGS, finish_doc},
  {"close", builder_close, METH_NOARGS, close_doc},
  {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(builder_doc,
"Builder(sink, *, format='cdb')\n"
"--\n\n"
"Turns records into the bytes of a cdb file, from the end of its header on.\n\n"
"The header comes last, because it points at what was built: `finish` returns\n"
"it, to be written at offset 0.\n\n"
"Args:\n"
"    sink: is called with the bytes of the file in order, in blocks.\n"
"        When it raises, the builder is finished for good.\n"
"    format: ``cdb``, or ``cdb64`` for a file that may pass 4 GB.");

static PyType_Slot slots[] = {
  {Py_tp_doc, (void *)builder_doc},
  {Py_tp_new, builder_new},
  {Py_tp_dealloc, builder_dealloc},
  {Py_tp_traverse, builder_traverse},
  {Py_tp_clear, builder_clear},
  {Py_tp_methods, methods},
  {Py_tp_getset, properties},
  {0, NULL},
};

PyType_Spec ucdb_builder_spec = {
  .name = "ucspi.cdb.Builder",
  .basicsize = sizeof(Builder),
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
  .slots = slots,
};
