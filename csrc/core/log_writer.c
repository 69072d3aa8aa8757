#include "log_writer.h"

#include "alloc.h"
#include "line_ring.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* While lines gather for so long, the thread need not be woken for each. */
enum { GATHER_MILLISECONDS = 1 };

enum { EXIT_MILLISECONDS = 1000, LOOK_MILLISECONDS = 100 };

/* What the thread works on. It belongs to the writer; if it is abandoned, to the thread. */
typedef struct queue {
  pthread_mutex_t mutex;
  pthread_cond_t filled;  /* no longer empty */
  pthread_cond_t urgent;  /* half full, or somebody waits */
  pthread_cond_t emptied; /* or ended */
  pthread_t thread;
  int fd;
  bool is_in_line; /* the last write broke off in the middle of a line; the thread's alone */
  mkt_line_ring ring;
  mkt_log_failures failures;
  bool awaited;   /* somebody waits until the ring is empty */
  bool closing;   /* the thread ends once the ring is empty */
  bool abandoned; /* the thread ends as soon as it can, and frees this */
  bool ended;
} queue;

struct mkt_log_writer {
  queue *queue;
  pid_t owner; /* the process that has the thread */
  mkt_log_writer *next;
};

/* Those that exit flushes. */
static pthread_mutex_t writers_mutex = PTHREAD_MUTEX_INITIALIZER;
static mkt_log_writer *writers;

static void lock(queue *q) {
  (void)pthread_mutex_lock(&q->mutex);
}

static void unlock(queue *q) {
  (void)pthread_mutex_unlock(&q->mutex);
}

/* The thread */

static bool is_abandoned(queue *q) {
  lock(q);
  bool abandoned = q->abandoned;
  unlock(q);
  return abandoned;
}

/* Of a descriptor that is non-blocking. An error of poll is met by the next write. */
static bool wait_for_room(queue *q) {
  struct pollfd wanted = {.fd = q->fd, .events = POLLOUT};
  int ready = 0;
  while (ready == 0) {
    if (is_abandoned(q)) return false;
    ready = poll(&wanted, 1, LOOK_MILLISECONDS);
  }
  return true;
}

/* How many of these bytes were written, or -1 and errno. */
static ssize_t write_bytes(queue *q, size_t from, size_t to) {
  struct iovec pieces[3] = {{.iov_base = "\n", .iov_len = 1}};
  int count = mkt_line_ring_pieces(&q->ring, from, to, pieces + 1);
  int skipped = q->is_in_line ? 0 : 1;
  ssize_t written = writev(q->fd, pieces + skipped, count + 1 - skipped);
  if (written == 0) errno = EIO;
  if (written <= 0) return -1;
  q->is_in_line = false;
  return skipped ? written : written - 1;
}

/* The oldest n bytes; how many were written, and why no more. */
static size_t write_oldest(queue *q, size_t n, int *problem) {
  size_t done = 0;
  *problem = 0;
  while (done < n) {
    ssize_t written = write_bytes(q, done, n);
    if (written >= 0) {
      done += (size_t)written;
    } else if (errno != EINTR && !(errno == EAGAIN && wait_for_room(q))) {
      *problem = errno;
      break;
    }
  }
  if (done > 0) q->is_in_line = mkt_line_ring_at(&q->ring, done - 1) != '\n';
  return done;
}

/* With the lock held, which is released while it writes. */
static void write_some(queue *q) {
  size_t used = q->ring.used;
  int problem;
  unlock(q);
  size_t n = mkt_line_ring_whole(&q->ring, used, PIPE_BUF);
  size_t done = write_oldest(q, n, &problem);
  size_t lost = mkt_line_ring_count(&q->ring, done, n);
  lock(q);
  q->failures.lasts = problem != 0;
  q->failures.lines += lost;
  if (problem != 0) q->failures.number = problem;
  mkt_line_ring_remove(&q->ring, n);
  if (q->ring.used == 0) (void)pthread_cond_broadcast(&q->emptied);
}

static void free_queue(queue *q) {
  (void)close(q->fd);
  (void)pthread_cond_destroy(&q->filled);
  (void)pthread_cond_destroy(&q->urgent);
  (void)pthread_cond_destroy(&q->emptied);
  (void)pthread_mutex_destroy(&q->mutex);
  mkt_free(q->ring.bytes);
  mkt_free(q);
}

static bool is_urgent(const queue *q) {
  return q->awaited || q->closing || q->ring.used > q->ring.size / 2;
}

static void wait_for_lines(queue *q) {
  while (q->ring.used == 0 && !q->closing)
    (void)pthread_cond_wait(&q->filled, &q->mutex);
  struct timespec deadline = mkt_deadline_in(GATHER_MILLISECONDS);
  int problem = 0;
  while (!is_urgent(q) && problem == 0)
    problem = pthread_cond_timedwait(&q->urgent, &q->mutex, &deadline);
}

static void *run(void *of) {
  queue *q = of;
  lock(q);
  while (!q->abandoned && (q->ring.used > 0 || !q->closing)) {
    if (q->ring.used > 0) {
      write_some(q);
    } else {
      wait_for_lines(q);
    }
  }
  q->ended = true;
  bool is_mine = q->abandoned;
  (void)pthread_cond_broadcast(&q->emptied);
  unlock(q);
  if (is_mine) free_queue(q);
  return NULL;
}

/* The writer's side */

static void init_conditions(queue *q) {
  (void)pthread_mutex_init(&q->mutex, NULL);
  (void)pthread_cond_init(&q->filled, NULL);
  mkt_condition_init(&q->urgent);
  mkt_condition_init(&q->emptied);
}

static mkt_code open_queue(queue **opened, int fd, size_t bytes, mkt_error *error) {
  queue *q = mkt_alloc_zero(sizeof *q);
  if (q == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  if (!mkt_line_ring_init(&q->ring, bytes)) {
    mkt_free(q);
    return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  }
  init_conditions(q);
  q->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  /* as it takes no signals, SIGPIPE is met as EPIPE */
  int problem = q->fd < 0 ? errno : mkt_thread_start(&q->thread, run, q);
  if (problem != 0) {
    free_queue(q);
    return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, "the log cannot be written: %s",
                    strerror(problem));
  }
  *opened = q;
  return MKT_OK;
}

/* Whether the ring is empty and, if it is closing, the thread has ended. With the lock held. */
static bool is_done(const queue *q) {
  return q->closing ? q->ended : q->ring.used == 0;
}

static bool wait_until_done(queue *q, int milliseconds) {
  struct timespec deadline = mkt_deadline_in(milliseconds);
  int problem = 0;
  q->awaited = true;
  (void)pthread_cond_signal(&q->urgent);
  while (!is_done(q) && problem == 0)
    problem = pthread_cond_timedwait(&q->emptied, &q->mutex, &deadline);
  q->awaited = false;
  return is_done(q);
}

static void close_queue(queue *q, int milliseconds) {
  lock(q);
  q->closing = true;
  (void)pthread_cond_signal(&q->filled);
  bool is_mine = wait_until_done(q, milliseconds);
  q->abandoned = !is_mine;
  pthread_t thread = q->thread;
  unlock(q);
  if (!is_mine) {
    (void)pthread_detach(thread);
    return;
  }
  (void)pthread_join(thread, NULL);
  free_queue(q);
}

/* In a child: the lock may be held by a thread that is not there. */
static void drop_inherited(queue *q) {
  (void)close(q->fd);
  mkt_free(q->ring.bytes);
  mkt_free(q);
}

static void flush_all(void) {
  (void)pthread_mutex_lock(&writers_mutex);
  for (mkt_log_writer *writer = writers; writer != NULL; writer = writer->next)
    (void)mkt_log_writer_flush(writer, EXIT_MILLISECONDS);
  (void)pthread_mutex_unlock(&writers_mutex);
}

static void flush_at_exit(void) {
  (void)atexit(flush_all);
}

static void enlist(mkt_log_writer *writer) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, flush_at_exit);
  (void)pthread_mutex_lock(&writers_mutex);
  writer->next = writers;
  writers = writer;
  (void)pthread_mutex_unlock(&writers_mutex);
}

static void strike_off(mkt_log_writer *writer) {
  (void)pthread_mutex_lock(&writers_mutex);
  mkt_log_writer **link = &writers;
  while (*link != writer)
    link = &(*link)->next;
  *link = writer->next;
  (void)pthread_mutex_unlock(&writers_mutex);
}

mkt_code mkt_log_writer_open(mkt_log_writer **writer, int fd, size_t bytes, mkt_error *error) {
  *writer = NULL;
  mkt_log_writer *made = mkt_alloc_zero(sizeof *made);
  if (made == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  mkt_code code = open_queue(&made->queue, fd, bytes, error);
  if (code != MKT_OK) {
    mkt_free(made);
    return code;
  }
  made->owner = getpid();
  enlist(made);
  *writer = made;
  return MKT_OK;
}

static bool has_thread(const mkt_log_writer *writer) {
  return writer->owner == getpid();
}

/* In a child, whose lock may be held by a thread that is not there. What was counted never becomes
 * less; what lasts is for the child's first line to find out. */
static mkt_log_failures inherited_failures(const queue *q) {
  mkt_log_failures failures = q->failures;
  failures.lasts = false;
  return failures;
}

/* In a child, which has the descriptor but not the thread. */
static bool begin_anew(mkt_log_writer *writer) {
  queue *inherited = writer->queue;
  if (open_queue(&writer->queue, inherited->fd, inherited->ring.size, NULL) != MKT_OK) return false;
  lock(writer->queue);
  writer->queue->failures = inherited_failures(inherited);
  unlock(writer->queue);
  writer->owner = getpid();
  drop_inherited(inherited);
  return true;
}

bool mkt_log_writer_add(mkt_log_writer *writer, const char *lines, size_t n) {
  if (!has_thread(writer) && !begin_anew(writer)) return false;
  queue *q = writer->queue;
  lock(q);
  bool was_empty = q->ring.used == 0;
  bool added = mkt_line_ring_add(&q->ring, lines, n);
  if (was_empty) (void)pthread_cond_signal(&q->filled);
  if (is_urgent(q)) (void)pthread_cond_signal(&q->urgent);
  unlock(q);
  return added;
}

mkt_log_failures mkt_log_writer_failures(const mkt_log_writer *writer) {
  if (!has_thread(writer)) return inherited_failures(writer->queue);
  lock(writer->queue);
  mkt_log_failures failures = writer->queue->failures;
  unlock(writer->queue);
  return failures;
}

bool mkt_log_writer_flush(mkt_log_writer *writer, int milliseconds) {
  if (!has_thread(writer)) return true;
  lock(writer->queue);
  bool done = wait_until_done(writer->queue, milliseconds);
  unlock(writer->queue);
  return done;
}

void mkt_log_writer_close(mkt_log_writer *writer, int milliseconds) {
  if (writer == NULL) return;
  strike_off(writer);
  if (has_thread(writer)) {
    close_queue(writer->queue, milliseconds);
  } else {
    drop_inherited(writer->queue);
  }
  mkt_free(writer);
}
