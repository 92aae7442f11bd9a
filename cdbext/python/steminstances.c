#include "python/steminstances.h"

PyObject *ustem_instances(PyObject *module, PyObject *args)
{
  PyObject *objects, *types, *found;
  Py_ssize_t i, k;

  (void)module;
  if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &objects, &PyTuple_Type, &types))
    return NULL;
  found = PyList_New(0);
  for (i = 0; found && i < PyList_GET_SIZE(objects); ++i) {
    PyObject *object = PyList_GET_ITEM(objects, i);

    for (k = 0; k < PyTuple_GET_SIZE(types); ++k)
      if (PyObject_TypeCheck(object, (PyTypeObject *)PyTuple_GET_ITEM(types, k))) {
        if (PyList_Append(found, object))
          Py_CLEAR(found);
        break;
      }
  }
  return found;
}
