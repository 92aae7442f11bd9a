/* System calls that leave no trace in the calling thread: no errno, no lock.
 *
 * A child that shares its parent's memory shares the thread-local storage of
 * the thread that made it, errno included, and libc's wrappers write that.
 * USYS_BARE is 0 where we have no such call for the processor, or none is
 * wanted (USYS_NO_BARE): then libc's serves, and the parent must stand still
 * meanwhile. */
#ifndef USYS_BARESYSCALL_H
#define USYS_BARESYSCALL_H

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__mips__)
#error "signal actions and sets have another shape here: build with UCSPI_BUILD=pure"
#endif

enum { SIGNAL_SET_SIZE = 8 }; /* bytes, as the kernel counts them */

#if !defined(USYS_NO_BARE) && defined(__x86_64__) && defined(__LP64__)
#define USYS_BARE 1

/* Returns the result, or -errno. */
static inline long usys_bare(long number, long a, long b, long c, long d)
{
  long result;
  register long fourth __asm__("r10") = d;

  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                   : "rcx", "r11", "memory");
  return result;
}

/* The same with one argument more. */
static inline long usys_bare5(long number, long a, long b, long c, long d, long e)
{
  long result;
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;

  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                   : "rcx", "r11", "memory");
  return result;
}

/* The same with six arguments. */
static inline long usys_bare6(long number, long a, long b, long c, long d, long e, long f)
{
  long result;
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  register long sixth __asm__("r9") = f;

  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  return result;
}

#elif !defined(USYS_NO_BARE) && defined(__aarch64__) && defined(__LP64__)
#define USYS_BARE 1

static inline long usys_bare(long number, long a, long b, long c, long d)
{
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;

  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}

static inline long usys_bare5(long number, long a, long b, long c, long d, long e)
{
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;

  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}

static inline long usys_bare6(long number, long a, long b, long c, long d, long e, long f)
{
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;

  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}

#else
#define USYS_BARE 0

static inline long usys_bare(long number, long a, long b, long c, long d)
{
  long result = syscall(number, a, b, c, d);

  return result == -1 ? -errno : result;
}

static inline long usys_bare6(long number, long a, long b, long c, long d, long e, long f)
{
  long result = syscall(number, a, b, c, d, e, f);

  return result == -1 ? -errno : result;
}
#endif

/* The handler of a signal.  The kernel's own structure begins with it; libc's need not. */
static inline uintptr_t usys_handler_of(int number)
{
  uintptr_t action[8] = { 0 };

  usys_bare(SYS_rt_sigaction, number, 0, (long)(intptr_t)action, SIGNAL_SET_SIZE);
  return action[0];
}

#endif
