/* A process that serves one connection after another: what it does between two of them. */
#ifndef USTEM_KEPT_H
#define USTEM_KEPT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Room for one packet: of the stem, and of its children, which never wait for packets of one channel. */
extern char ustem_buffer[];

/* (channel, pipe for answers): note how this process is. */
PyObject *ustem_keep(PyObject *module, PyObject *args);

/* (channel): wait for a packet, write its log, and put its connection on 0 and 1. */
PyObject *ustem_take(PyObject *module, PyObject *args);

/* Return whether all was put back. */
PyObject *ustem_put_back(PyObject *module, PyObject *args);

PyObject *ustem_may_answer(PyObject *module, PyObject *args);

#endif
