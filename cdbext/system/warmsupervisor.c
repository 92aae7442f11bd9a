/* The stem does nothing but receive, fork and answer, so it hangs on no disk, and the memory that a
 * child sees is that of all others.  What the stem writes between two forks would be in each child
 * a page of its own.
 *
 * The cell: should the stem be killed between the fork and its answer, svscan still learns the pid. */
#include "system/warmsupervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "system/beforeexec.h"
#include "system/commandline.h"
#include "system/forksibling.h"

enum {
  ATTACHED = 3, /* descriptors at most in a packet */
  PACKET = 1 + USYS_NAME_MAX + 1 + 2 * USYS_NAME_MAX,
  COMPLAINT = 3 * USYS_NAME_MAX
};

static const char program[] = USYS_SUPERVISE;

struct request {
  char text[PACKET + 1];
  char *name, *path;
  int fds[ATTACHED], count;
  int parent, input, output; /* among them; -1: none */
};

static int take(const struct request *request, int flag, int *used)
{
  return request->text[0] & flag && *used < request->count ? request->fds[(*used)++] : -1;
}

static void close_request(const struct request *request)
{
  int i;

  for (i = 0; i < request->count; ++i)
    close(request->fds[i]);
}

static int given(const struct request *request)
{
  return (request->parent < 0 ? 0 : USYS_HAS_PARENT) | (request->input < 0 ? 0 : USYS_HAS_INPUT) |
      (request->output < 0 ? 0 : USYS_HAS_OUTPUT);
}

/* Sort out a packet.  Returns 0, or the errno that is the answer. */
static int understand(struct request *request, ssize_t length)
{
  int flags = (unsigned char)request->text[0], used = 0;
  char *end;

  request->parent = take(request, USYS_HAS_PARENT, &used);
  request->input = take(request, USYS_HAS_INPUT, &used);
  request->output = take(request, USYS_HAS_OUTPUT, &used);
  if (used != request->count || flags != given(request))
    return EPROTO;
  request->text[length] = 0;
  request->name = request->text + 1;
  end = memchr(request->name, 0, (size_t)length);
  if (!end || end == request->name || end - request->name > USYS_NAME_MAX || end >= request->text + length)
    return EPROTO;
  request->path = end + 1;
  return strlen(request->path) > 2 * USYS_NAME_MAX ? EPROTO : 0;
}

/* Receive a packet.  Returns 1 and the answer's errno, or 0: there is none any more. */
static int receive(int channel, struct request *request, int *error)
{
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(ATTACHED * sizeof(int))];
  } control;
  struct iovec piece = { request->text, PACKET };
  struct msghdr message = {
    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  struct cmsghdr *part;
  ssize_t length;

  do
    length = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  while (length < 0 && errno == EINTR);
  if (length <= 0)
    return 0;
  request->count = 0;
  part = CMSG_FIRSTHDR(&message);
  if (part && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
    request->count = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(request->fds, CMSG_DATA(part), (size_t)request->count * sizeof(int));
  }
  *error = understand(request, length);
  if (message.msg_flags & MSG_TRUNC)
    *error = EPROTO;
  if (message.msg_flags & MSG_CTRUNC)
    *error = EMFILE; /* there was no room for all descriptors */
  return 1;
}

/* The kernel shows no memory that a file is mapped to, so nothing static. */
static void show_name(struct usys_warm *warm, const struct usys_places *places, const char *name)
{
  size_t length = strlen(name) + 1;

  memcpy(warm->shown, program, sizeof program);
  memcpy(warm->shown + sizeof program, name, length);
  usys_show_arguments(places, warm->shown, warm->shown + sizeof program + length);
}

/* Become the program itself, which is what svscan would have started. */
static _Noreturn void execute(const struct usys_stem *stem, const struct usys_warm *warm,
                              const struct request *request)
{
  char complaint[COMPLAINT], *argv[] = { (char *)(uintptr_t)program, request->name, NULL };
  struct usys_command command = stem->program;
  sigset_t mask;
  int error = 0;

  strcpy(complaint, "svscan: warning: unable to start supervise ");
  strcat(complaint, request->path);
  strcat(complaint, ": ");
  command.argv = argv;
  command.complaint = complaint;
  if (request->parent >= 0 && fchdir(request->parent))
    error = errno;
  if (warm->start.score)
    usys_take_score(warm->start.score);
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  usys_restore_signals(command.ignored, UINT64_MAX, &mask);
  usys_set_limits(&command);
  if (!error)
    error = usys_execute(&command, command.environ);
  usys_give_up(&command, error, 0);
}

static void start_run(struct usys_warm *warm)
{
  static char complaint[COMPLAINT];
  struct usys_start *start = &warm->start;
  struct usys_service *service = &warm->service;
  struct timespec now;
  int pid;

  usys_stamp_status(service);
  strcpy(complaint, "supervise: fatal: unable to start ");
  strcat(complaint, warm->name);
  strcat(complaint, "/run: ");
  start->command.complaint = complaint;
  start->birth = service->birth;
  start->birth_head = service->birth_head;
  start->record = (const char *)service->status;
  start->record_length = USYS_STATUS;
  start->record_pid = USYS_STATUS_PID;
  start->record_folder = service->state;
  start->record_new = "status.new";
  start->record_name = "status";
  pid = usys_start(start);
  warm->pid = pid > 0 ? pid : 0;
  clock_gettime(CLOCK_MONOTONIC, &now);
  warm->started = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Wait for a control byte or the end of ./run. */
static void await_event(const struct usys_warm *warm)
{
#ifdef SYS_pidfd_open
  struct pollfd polled[] = {
    { .fd = warm->service.control, .events = POLLIN },
    { .fd = -1,                    .events = POLLIN }
  };

  if (warm->pid)
    polled[1].fd = (int)syscall(SYS_pidfd_open, warm->pid, 0);
  if (!warm->pid || polled[1].fd >= 0)
    while (poll(polled, 2, -1) < 0 && errno == EINTR)
      ;
  if (polled[1].fd >= 0)
    close(polled[1].fd);
#else
  (void)warm;
#endif
}

static void begin(struct usys_warm *warm)
{
  warm->pid = 0;
  if (warm->service.is_wanted)
    start_run(warm);
  if (warm->pid ? warm->start.is_published : !warm->service.is_wanted)
    await_event(warm);
}

/* A service that asks for more is opened in Python, from the directory that it would be executed in. */
static int leave_to_python(struct usys_warm *warm, const struct request *request)
{
  if (request->parent >= 0 && fchdir(request->parent))
    return -1;
  close(warm->service.directory);
  warm->pid = 0;
  return 0;
}

static void supervise(const struct usys_stem *stem, struct usys_warm *warm, struct request *request)
{
  struct usys_service *service = &warm->service;
  int i, parent = request->parent < 0 ? AT_FDCWD : request->parent;

  close(stem->channel); /* first: svscan shall see when the stem ends, even if we hang below */
  if (request->input >= 0)
    usys_put_on(request->input, 0);
  if (request->output >= 0)
    usys_put_on(request->output, 1);
  if (usys_open_service(service, parent, request->name, stem->birth_begin) || usys_show_service(service) ||
      fchdir(service->directory))
    if (!service->asks || leave_to_python(warm, request))
      execute(stem, warm, request);
  close_request(request);
  strcpy(warm->name, request->name);
  if (!service->asks)
    begin(warm);
  for (i = 0; i < USYS_SPARE; ++i)
    close(stem->spare[i]);
}

int usys_serve_stem(struct usys_stem *stem, struct usys_warm *warm)
{
  struct usys_thread thread;
  struct usys_places places;
  struct request request;
  int32_t answer, *cell;
  int error;

  if (usys_find_thread(&thread) || usys_find_places(&places))
    return -1;
  cell = mmap(NULL, sizeof *cell, PROT_READ | PROT_WRITE, MAP_SHARED, stem->cell, 0);
  close(stem->cell);
  if (cell == MAP_FAILED)
    return -1;
  if (usys_show_arguments(&places, (const char *)(uintptr_t)places.arguments,
                          (const char *)(uintptr_t)places.arguments_end))
    return -1;
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* stopped, we would not see the end of the channel */
  if (send(stem->channel, "+", 1, MSG_NOSIGNAL) != 1)
    return 1;
  while (receive(stem->channel, &request, &error)) {
    answer = error ? -error : (int32_t)usys_fork_sibling(&thread, cell);
    if (!answer) {
      munmap(cell, sizeof *cell);
      show_name(warm, &places, request.name);
      supervise(stem, warm, &request);
      return 0;
    }
    close_request(&request);
    if (send(stem->channel, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer)
      break;
  }
  return 1;
}
