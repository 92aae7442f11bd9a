/* The way from the native builder to its sink: blocks of about one size. */
#include "python/buildertype.h"

typedef struct ucdb_py_builder Builder;

int ucdb_raise_finished(void)
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
    return ucdb_raise_finished();
  self->sink = NULL;
  result = PyObject_CallOneArg(sink, bytes);
  if (!result || self->closed) {
    Py_DECREF(sink);
    if (result)
      ucdb_raise_finished(); /* closed by its own sink */
    Py_XDECREF(result);
    return -1;
  }
  Py_DECREF(result);
  self->sink = sink;
  return 0;
}

int ucdb_builder_send(Builder *self)
{
  PyObject *block = self->block;
  Py_ssize_t used = self->used;
  int result;

  self->block = NULL;
  self->used = 0;
  if (!block)
    return 0;
  if (used < UCDB_BLOCK_SIZE && _PyBytes_Resize(&block, used))
    return -1;
  result = used ? pass(self, block) : 0;
  Py_DECREF(block);
  return result;
}

unsigned char *ucdb_builder_room(Builder *self, Py_ssize_t len)
{
  unsigned char *room;

  if (self->block && self->used + len > UCDB_BLOCK_SIZE && ucdb_builder_send(self))
    return NULL;
  if (!self->block) {
    self->block = PyBytes_FromStringAndSize(NULL, UCDB_BLOCK_SIZE);
    if (!self->block)
      return NULL;
  }
  room = (unsigned char *)PyBytes_AS_STRING(self->block) + self->used;
  self->used += len;
  return room;
}

int ucdb_builder_put(Builder *self, PyObject *bytes)
{
  Py_ssize_t len = PyBytes_GET_SIZE(bytes);
  unsigned char *room;

  if (len >= UCDB_LARGE)
    return ucdb_builder_send(self) ? -1 : pass(self, bytes);
  room = ucdb_builder_room(self, len);
  if (!room)
    return -1;
  memcpy(room, PyBytes_AS_STRING(bytes), (size_t)len);
  return 0;
}
