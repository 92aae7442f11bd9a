/* A fork that is made in C, with Python's own steps around it. */
#ifndef USTEM_CALL_H
#define USTEM_CALL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Call the C function at an address with two pointers.  It may fork as often as it likes, for no
 * step of Python comes between, and returns 0 in a child alone.  Returns its result. */
PyObject *ustem_call(PyObject *module, PyObject *args);

#endif
