/* Flushing what a process still holds at its end. */
#ifndef USTEM_FLUSH_H
#define USTEM_FLUSH_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* (list of objects, tuple of types, tuple of files): call flush of the objects that are instances of
 * one of the types, and of the files that are no None.  What fails is ignored. */
PyObject *ustem_flush(PyObject *module, PyObject *args);

#endif
