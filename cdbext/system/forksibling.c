#include "system/forksibling.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif

int usys_find_thread(struct usys_thread *thread)
{
  uint64_t address = 0;

  if (prctl(PR_GET_TID_ADDRESS, &address, 0, 0, 0))
    return errno;
  thread->id = (pid_t *)(uintptr_t)address;
  if (!address || *thread->id != (pid_t)syscall(SYS_gettid))
    return ENOSYS; /* a libc that has something else there */
  if (syscall(SYS_get_robust_list, 0, &thread->robust, &thread->robust_size))
    thread->robust = NULL;
  return 0;
}

/* Without a stack the child goes on where we are, on its copy of ours. */
static long clone_whole(const struct usys_thread *thread, int32_t *cell)
{
  int flags = CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;

#if defined(__s390__)
  return syscall(SYS_clone, 0, flags, cell, thread->id, 0);
#else
  /* Processors differ in which of the last two is the thread id; the other is not looked at. */
  return syscall(SYS_clone, flags, 0, cell, thread->id, thread->id);
#endif
}

long usys_fork_sibling(const struct usys_thread *thread, int32_t *cell)
{
  long pid = clone_whole(thread, cell);

  if (pid < 0)
    return -errno;
  if (!pid && thread->robust)
    syscall(SYS_set_robust_list, thread->robust, thread->robust_size);
  return pid;
}
