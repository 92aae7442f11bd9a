/* The native builder's object; what its files share. */
#ifndef UCDB_BUILDERTYPE_H
#define UCDB_BUILDERTYPE_H

#include "python/nativetypes.h"

/* The file goes to the sink in blocks of the first size; bytes of the second or
 * more go there as they are, not copied. */
enum { UCDB_BLOCK_SIZE = 262144, UCDB_LARGE = 131072 };

/* What one table will hold: (hash, record position), in the order added. */
struct ucdb_entries {
  unsigned char *bytes;
  uint64_t count;
  uint64_t room;
};

struct ucdb_py_builder {
  PyObject_HEAD
  PyObject *sink;  /* NULL when finished, and while it is called */
  PyObject *block; /* bytes being filled, UCDB_BLOCK_SIZE long */
  Py_ssize_t used;
  uint64_t position;
  uint64_t count;
  int closed; /* for good */
  int format;
  struct ucdb_entries tables[UCDB_TABLES];
};

/* Raise ClosedError.  Returns -1. */
int ucdb_raise_finished(void);

/* python/buildersink.c.  All give 0 or a pointer, else -1 or NULL with an error. */

/* Send what is gathered in the block. */
int ucdb_builder_send(struct ucdb_py_builder *self);

/* Room for len bytes, at most UCDB_BLOCK_SIZE, in the block. */
unsigned char *ucdb_builder_room(struct ucdb_py_builder *self, Py_ssize_t len);

/* Append bytes to the file; large ones are not copied. */
int ucdb_builder_put(struct ucdb_py_builder *self, PyObject *bytes);

/* The methods of ucdb_builder_type that add records (python/builderadd.c). */
PyObject *ucdb_builder_add(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *ucdb_builder_update(PyObject *self, PyObject *pairs);
PyObject *ucdb_builder_add_block(PyObject *self, PyObject *block);

#endif
