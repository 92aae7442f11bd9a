/* Theory of operation.
 *
 * A spawn blocks its thread until the handler is executed, and one thread can
 * keep only one core busy with that.  Orders wait in a queue under one lock;
 * an order that was carried out becomes its own result and waits in a second
 * queue until it is collected, so a result needs no memory and cannot fail.
 * The threads hold no lock while they spawn and know nothing of Python. */
#include "spawnpool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STACK_SIZE = 256 * 1024 };  /* spawn's own 32 KB, and room for libc */

struct order {
  struct order *next;
  int connection;
  int result;
  size_t variables_length;
  size_t log_length;
  char text[];  /* the variables, then the log */
};

struct queue {
  struct order *first;
  struct order **end;
};

struct usys_pool {
  const struct usys_program *program;
  pthread_mutex_t lock;
  pthread_cond_t ordered;
  struct queue orders;
  struct queue results;
  int wakeup;
  int wake;
};

static void clear(struct queue *queue)
{
  queue->first = NULL;
  queue->end = &queue->first;
}

static void append(struct queue *queue, struct order *order)
{
  order->next = NULL;
  *queue->end = order;
  queue->end = &order->next;
}

static struct order *take(struct queue *queue)
{
  struct order *order = queue->first;

  if (order) {
    queue->first = order->next;
    if (!queue->first)
      queue->end = &queue->first;
  }
  return order;
}

/* A full pipe will wake the reader anyway, so a failed write is no loss. */
static void wake_caller(int descriptor)
{
  ssize_t ignored = write(descriptor, "s", 1);

  (void) ignored;
}

static struct order *wait_for_order(struct usys_pool *pool)
{
  struct order *order;

  pthread_mutex_lock(&pool->lock);
  while (!(order = take(&pool->orders)))
    pthread_cond_wait(&pool->ordered, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
  return order;
}

static void report(struct usys_pool *pool, struct order *order)
{
  int wake;

  pthread_mutex_lock(&pool->lock);
  wake = pool->wake || order->result < 0;
  append(&pool->results, order);
  pthread_mutex_unlock(&pool->lock);
  if (wake)
    wake_caller(pool->wakeup);
}

static void *carry_out_orders(void *argument)
{
  struct usys_pool *pool = argument;

  for (;;) {
    struct order *order = wait_for_order(pool);

    order->result = usys_spawn(pool->program, order->connection,
                               order->text, order->variables_length,
                               order->text + order->variables_length, order->log_length);
    report(pool, order);
  }
  return NULL;
}

/* The threads inherit the mask: set in them it would come too late. */
static int start_threads(struct usys_pool *pool, int threads)
{
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, before;
  int started = 0, error = 0;

  sigfillset(&all);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (started < threads && !error) {
    error = pthread_create(&thread, &attributes, carry_out_orders, pool);
    started += !error;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  errno = error;
  return started;
}

struct usys_pool *usys_pool_start(const struct usys_program *program, int threads, int wakeup)
{
  struct usys_pool *pool = calloc(1, sizeof *pool);

  if (!pool)
    return NULL;
  pool->program = program;
  pool->wakeup = wakeup;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->ordered, NULL);
  clear(&pool->orders);
  clear(&pool->results);
  if (!start_threads(pool, threads)) {
    free(pool);
    return NULL;
  }
  return pool;
}

int usys_pool_order(struct usys_pool *pool, int connection,
                    const char *variables, size_t variables_length,
                    const char *log, size_t log_length)
{
  struct order *order = malloc(sizeof *order + variables_length + log_length);

  if (!order) {
    close(connection);
    return -ENOMEM;
  }
  order->connection = connection;
  order->variables_length = variables_length;
  order->log_length = log_length;
  memcpy(order->text, variables, variables_length);
  memcpy(order->text + variables_length, log, log_length);
  pthread_mutex_lock(&pool->lock);
  append(&pool->orders, order);
  pthread_cond_signal(&pool->ordered);
  pthread_mutex_unlock(&pool->lock);
  return 0;
}

int usys_pool_collect(struct usys_pool *pool, int *results, int most, int wake)
{
  struct order *order;
  int count = 0;

  pthread_mutex_lock(&pool->lock);
  pool->wake = wake;
  while (count < most && (order = take(&pool->results))) {
    results[count++] = order->result;
    free(order);
  }
  pthread_mutex_unlock(&pool->lock);
  return count;
}
