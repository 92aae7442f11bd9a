/* The environment of a stem's child. */
#ifndef USTEM_ENVIRON_H
#define USTEM_ENVIRON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* (dictionary of os.environ, list of bytes): give it and C exactly these entries. */
PyObject *ustem_set_environ(PyObject *module, PyObject *args);

/* (the same dictionary, a text): give it and C the entries of the call before of the function
 * above, but those that are replaced, and those of the text, each with a NUL. */
PyObject *ustem_add_environ(PyObject *module, PyObject *args);

#endif
