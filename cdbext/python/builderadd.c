/* Records into the native builder: one by one, or as they stand in a file.
 *
 * The slots of each table are gathered as they come, 8 bytes per record (in a
 * cdb64 16), so the tables are built one by one at the end and the data is
 * never kept. */
#include "python/buildertype.h"

#include "cdb/hash.h"

enum { FIRST_ROOM = 8 };

typedef struct ucdb_py_builder Builder;

/* A position must fit its number, and the offset of a file. */
static uint64_t file_max(int format)
{
  return format == UCDB_CDB ? UINT32_MAX : INT64_MAX;
}

static int put_record(Builder *self, PyObject *key, PyObject *data)
{
  unsigned char *head = ucdb_builder_room(self, (Py_ssize_t)ucdb_pair_size(self->format));

  if (!head)
    return -1;
  ucdb_put_pair(head, ucdb_bytes_len(key), ucdb_bytes_len(data), self->format);
  return ucdb_builder_put(self, key) || ucdb_builder_put(self, data) ? -1 : 0;
}

/* Where the next entry of a table goes, NULL without memory. */
static unsigned char *entry_for(struct ucdb_entries *table, uint64_t size)
{
  if (table->count == table->room) {
    uint64_t room = table->room ? table->room + table->room / 2 : FIRST_ROOM;
    unsigned char *bytes = PyMem_Realloc(table->bytes, (size_t)(room * size));

    if (!bytes)
      return NULL;
    table->bytes = bytes;
    table->room = room;
  }
  return table->bytes + table->count * size;
}

/* Give a record its entry and its place in the file: 0, or -1 with an error. */
static int enter(Builder *self, const unsigned char *key, uint64_t key_len, uint64_t data_len)
{
  uint64_t size = ucdb_pair_size(self->format);
  uint64_t end = self->position + size + key_len + data_len;
  uint64_t hash = ucdb_hash_of(key, key_len);
  struct ucdb_entries *table = &self->tables[ucdb_table_number(hash)];
  unsigned char *entry;

  if (end + (self->count + 1) * size * 2 > file_max(self->format)) {
    PyErr_SetString(ucdb_too_large_error, "a cdb file cannot pass 4 GB; a cdb64 file can");
    return -1;
  }
  entry = entry_for(table, size);
  if (!entry) {
    PyErr_NoMemory();
    return -1;
  }
  ucdb_put_pair(entry, ucdb_hash_in(hash, self->format), self->position, self->format);
  ++table->count;
  ++self->count;
  self->position = end;
  return 0;
}

/* A record of two bytes objects: 0, or -1 with an error. */
static int add(Builder *self, PyObject *key, PyObject *data)
{
  if (!self->sink)
    return ucdb_raise_finished();
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
  uint64_t at = 0;

  while (at < block->size) {
    struct ucdb_record record;

    if (!ucdb_record_at(block, at, &record, self->format)) {
      PyErr_SetString(PyExc_ValueError, "a record crosses the end of its block");
      return at;
    }
    if (enter(self, block->base + record.key.pos, record.key.len, record.data.len))
      return at;
    at = ucdb_record_end(&record);
  }
  return at;
}

/* Append the first len bytes of a block; the whole of a large one is not copied. */
static int put_entered(Builder *self, PyObject *bytes, uint64_t len)
{
  PyObject *part;
  int result;

  if (len == ucdb_bytes_len(bytes))
    return ucdb_builder_put(self, bytes);
  part = PyBytes_FromStringAndSize(PyBytes_AS_STRING(bytes), (Py_ssize_t)len);
  result = part ? ucdb_builder_put(self, part) : -1;
  Py_XDECREF(part);
  return result;
}

static int add_block(Builder *self, PyObject *bytes)
{
  struct ucdb_image block = { ucdb_bytes(bytes), ucdb_bytes_len(bytes), self->format };
  PyObject *type, *value, *trace;
  uint64_t entered;

  if (!self->sink)
    return ucdb_raise_finished();
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

/* A record of any two objects: 0, or -1 with an error. */
static int add_any(PyObject *self, PyObject *key, PyObject *data)
{
  int result = -1;

  key = ucdb_as_bytes(key, "key");
  data = key ? ucdb_as_bytes(data, "data") : NULL;
  if (data) {
    Py_BEGIN_CRITICAL_SECTION(self);
    result = add((struct ucdb_py_builder *)self, key, data);
    Py_END_CRITICAL_SECTION();
  }
  Py_XDECREF(key);
  Py_XDECREF(data);
  return result;
}

/* One item of what update is given: 0, or -1 with an error. */
static int add_pair(PyObject *self, PyObject *pair)
{
  PyObject *both;
  int result;

  both = PySequence_Tuple(pair); /* itself where it is one */
  if (!both)
    return -1;
  if (PyTuple_GET_SIZE(both) != 2) {
    PyErr_Format(PyExc_ValueError, "a record is a key and data, not %zd items", PyTuple_GET_SIZE(both));
    Py_DECREF(both);
    return -1;
  }
  result = add_any(self, PyTuple_GET_ITEM(both, 0), PyTuple_GET_ITEM(both, 1));
  Py_DECREF(both);
  return result;
}

PyObject *ucdb_builder_update(PyObject *self, PyObject *pairs)
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

PyObject *ucdb_builder_add(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
  if (count != 2)
    return PyErr_Format(PyExc_TypeError, "add expected 2 arguments, got %zd", count);
  if (add_any(self, args[0], args[1]))
    return NULL;
  Py_RETURN_NONE;
}

PyObject *ucdb_builder_add_block(PyObject *self, PyObject *block)
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
