#include "python/stemkept.h"

#include <errno.h>

#include "system/beforeexec.h"
#include "system/keptstate.h"
#include "system/stempacket.h"

char ustem_buffer[USYS_PACKET_MAX];

static struct usys_kept kept;

PyObject *ustem_keep(PyObject *module, PyObject *args)
{
  int channel, answers;

  (void)module;
  if (!PyArg_ParseTuple(args, "ii", &channel, &answers))
    return NULL;
  errno = usys_note_kept(&kept, channel, answers);
  if (errno)
    return PyErr_SetFromErrno(PyExc_OSError);
  Py_RETURN_NONE;
}

PyObject *ustem_take(PyObject *module, PyObject *args)
{
  struct usys_packet packet;
  int channel, came;

  (void)module;
  if (!PyArg_ParseTuple(args, "i", &channel))
    return NULL;
  do
    came = usys_receive_packet(channel, 0, ustem_buffer, &packet);
  while (came < 0 && errno == EINTR && !PyErr_CheckSignals());
  if (came < 0)
    return PyErr_Occurred() ? NULL : PyErr_SetFromErrno(PyExc_OSError);
  if (!came)
    Py_RETURN_NONE;
  usys_write_log(packet.second, packet.second_length);
  usys_connect_kept(&kept, packet.descriptor);
  return Py_BuildValue("Iy#i", packet.slot, packet.first, (Py_ssize_t)packet.first_length,
                       packet.descriptor >= 0);
}

PyObject *ustem_put_back(PyObject *module, PyObject *args)
{
  (void)module;
  (void)args;
  return PyBool_FromLong(usys_put_kept_back(&kept));
}

PyObject *ustem_may_answer(PyObject *module, PyObject *args)
{
  (void)module;
  (void)args;
  return PyBool_FromLong(usys_may_kept_answer(&kept));
}
