/* Finding objects of some types among many. */
#ifndef USTEM_INSTANCES_H
#define USTEM_INSTANCES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Return a list of those objects of a list that are instances of one of a tuple of types. */
PyObject *ustem_instances(PyObject *module, PyObject *args);

#endif
