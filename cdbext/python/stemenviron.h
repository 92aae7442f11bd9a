/* The environment of a stem's child. */
#ifndef USTEM_ENVIRON_H
#define USTEM_ENVIRON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Give a dictionary, which os.environ shows, and C exactly some entries: a list of bytes. */
PyObject *ustem_set_environ(PyObject *module, PyObject *args);

#endif
