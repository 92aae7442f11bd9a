/* The files of a service directory in the plain case: what ucspi/service/servicedir.py opens, where
 * nothing about them is out of the ordinary.
 *
 * Plain is a directory `supervise` that is ours and where nobody else may write, with files of the
 * right kinds in it, no process of a killed supervisor left running, and none of the optional files
 * beside it.  Anything else is for
 * Python, which knows what to do then and what to say. */
#ifndef USYS_SERVICEFILES_H
#define USYS_SERVICEFILES_H

#include <stddef.h>

enum {
  USYS_STATUS = 18,     /* bytes of a status record; see ucspi/service/statusrecord.py */
  USYS_STATUS_PID = 12, /* where its pid stands */
  USYS_BIRTH_LINE = 96  /* room for what a birth record begins with, and a NUL */
};

/* Descriptors, and what they have told. */
struct usys_service {
  int directory; /* the service's */
  int state;     /* its `supervise` */
  int lock, control, birth, ok;
  int is_wanted;                     /* there is no file `down` */
  int asks;                          /* there are optional files */
  char birth_head[USYS_BIRTH_LINE];  /* what its birth records begin with */
  unsigned char status[USYS_STATUS]; /* as published last */
};

/* Open a service, by its name in a directory, lock it, and open its control fifo and its birth record.
 * birth_begin is what that begins with in front of the lock's mark.  Returns 0, or -1: not plain, with
 * whatever is open by then; if it asks for more, that is the directory alone. */
int usys_open_service(struct usys_service *service, int parent, const char *name, const char *birth_begin);

/* Set the time of the status to now. */
void usys_stamp_status(struct usys_service *service);

/* Publish that it is down, now, and then open the fifo that shows that it is supervised.
 * Returns 0, or -1. */
int usys_show_service(struct usys_service *service);

#endif
