/* The cheapest handler: six bytes, then the end.
 *
 * It starts without libc, which asks the processor for its abilities first:
 * where that traps, as in a virtual machine, it costs more than the rest. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

void _start(void);

void _start(void)
{
  long written = syscall(SYS_write, 1, "hello\n", 6);

  syscall(SYS_exit_group, written == 6 ? 0 : 111);
}
