/* The environment of a stem's child. */
#ifndef USTEM_ENVIRON_H
#define USTEM_ENVIRON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Give a dictionary, which os.environ shows, and C exactly the entries of a list of bytes that are not
 * replaced, and those of a text, each with a NUL. */
PyObject *ustem_set_environ(PyObject *module, PyObject *args);

#endif
