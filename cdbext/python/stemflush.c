#include "python/stemflush.h"

static void flush(PyObject *file)
{
  PyObject *result = PyObject_CallMethod(file, "flush", NULL);

  if (!result)
    PyErr_Clear(); /* closed, or what it holds cannot be written */
  Py_XDECREF(result);
}

static int is_one_of(PyObject *object, PyObject *types)
{
  Py_ssize_t i;

  for (i = 0; i < PyTuple_GET_SIZE(types); ++i)
    if (PyObject_TypeCheck(object, (PyTypeObject *)PyTuple_GET_ITEM(types, i)))
      return 1;
  return 0;
}

static int is_among(PyObject *files, Py_ssize_t end, PyObject *file)
{
  Py_ssize_t i;

  for (i = 0; i < end; ++i)
    if (PyTuple_GET_ITEM(files, i) == file)
      return 1;
  return 0;
}

PyObject *ustem_flush(PyObject *module, PyObject *args)
{
  PyObject *objects, *types, *files;
  Py_ssize_t i;

  (void)module;
  if (!PyArg_ParseTuple(args, "O!O!O!", &PyList_Type, &objects, &PyTuple_Type, &types, &PyTuple_Type, &files))
    return NULL;
  for (i = 0; i < PyList_GET_SIZE(objects); ++i)
    if (is_one_of(PyList_GET_ITEM(objects, i), types))
      flush(PyList_GET_ITEM(objects, i));
  for (i = 0; i < PyTuple_GET_SIZE(files); ++i)
    if (PyTuple_GET_ITEM(files, i) != Py_None && !is_among(files, i, PyTuple_GET_ITEM(files, i)))
      flush(PyTuple_GET_ITEM(files, i));
  Py_RETURN_NONE;
}
