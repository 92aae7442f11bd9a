#ifndef USYS_SPAWN_H
#define USYS_SPAWN_H

int usys_version(void);

#endif
