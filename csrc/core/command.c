#include "command.h"

#include "alloc.h"
#include "clock.h"
#include "command_words.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const double GRACE_SECONDS = 0.25; /* between SIGTERM and SIGKILL */

/* For which close waits for the end: more than the grace, and less than anybody minds. */
enum { CLOSE_MILLISECONDS = 500 };

/* A program that writes without end is read slowly: a chunk in each pause. */
enum { LOOK_MILLISECONDS = 20, PAUSE_MILLISECONDS = 5, CHUNK_BYTES = 65536 };

struct mkt_command {
  pid_t owner; /* the process that has the thread */
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  /* with the mutex */
  bool is_unwanted, has_ended;
  bool is_abandoned; /* the thread frees it */
  mkt_command_result result;
  /* the thread's alone */
  mkt_command_words words;
  double seconds;
  pid_t pid;
  int in, out;
  size_t fed;
  char *chunk;
  mkt_command_result heard;
};

static void lock(mkt_command *c) {
  (void)pthread_mutex_lock(&c->mutex);
}

static void unlock(mkt_command *c) {
  (void)pthread_mutex_unlock(&c->mutex);
}

static void close_end(int *fd) {
  if (*fd >= 0) (void)close(*fd);
  *fd = -1;
}

/* Starting it */

/* From above the standard streams, so that to make one of them of it cannot overwrite another. */
static int open_pipe(int ends[2]) {
  int made[2];
  if (pipe2(made, O_CLOEXEC) != 0) return errno;
  int problem = 0;
  for (int i = 0; i < 2; i++) {
    ends[i] = fcntl(made[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (ends[i] < 0) problem = errno;
    (void)close(made[i]);
  }
  return problem;
}

static int describe_streams(posix_spawn_file_actions_t *actions, int in, int out) {
  int problem = posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);
  if (problem == 0) problem = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
  if (problem == 0) problem = posix_spawn_file_actions_adddup2(actions, out, STDERR_FILENO);
  if (problem == 0) problem = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
  return problem;
}

static int describe_process(posix_spawnattr_t *attributes) {
  sigset_t none, all;
  (void)sigemptyset(&none);
  (void)sigfillset(&all);
  int problem = posix_spawnattr_setsigmask(attributes, &none);
  if (problem == 0) problem = posix_spawnattr_setsigdefault(attributes, &all);
  if (problem != 0) return problem;
  return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                  POSIX_SPAWN_SETSID);
}

static int spawn_with(mkt_command *c, posix_spawnattr_t *attributes, int in, int out) {
  posix_spawn_file_actions_t actions;
  int problem = posix_spawn_file_actions_init(&actions);
  if (problem != 0) return problem;
  problem = describe_streams(&actions, in, out);
  if (problem == 0) {
    problem = posix_spawnp(&c->pid, c->words.arguments[0], &actions, attributes, c->words.arguments,
                           c->words.environment);
  }
  (void)posix_spawn_file_actions_destroy(&actions);
  return problem;
}

static int spawn(mkt_command *c, int in, int out) {
  posix_spawnattr_t attributes;
  int problem = posix_spawnattr_init(&attributes);
  if (problem != 0) return problem;
  problem = describe_process(&attributes);
  if (problem == 0) problem = spawn_with(c, &attributes, in, out);
  (void)posix_spawnattr_destroy(&attributes);
  return problem;
}

/* What the other side of a pipe does not take must not hold up the thread. */
static int start(mkt_command *c) {
  int in[2] = {-1, -1}, out[2] = {-1, -1};
  int problem = open_pipe(in);
  if (problem == 0) problem = open_pipe(out);
  if (problem == 0 && fcntl(in[1], F_SETFL, O_NONBLOCK) != 0) problem = errno;
  if (problem == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) != 0) problem = errno;
  if (problem == 0) problem = spawn(c, in[0], out[1]);
  close_end(&in[0]);
  close_end(&out[1]);
  c->in = in[1];
  c->out = out[0];
  return problem;
}

/* Feeding it, and hearing it */

static void rest(int milliseconds) {
  const struct timespec time = {.tv_nsec = milliseconds * 1000000L};
  (void)nanosleep(&time, NULL);
}

/* As the thread takes no signals, SIGPIPE is met as EPIPE: it need not read. */
static void feed(mkt_command *c) {
  size_t left = c->words.input_bytes - c->fed;
  ssize_t n = left > 0 ? write(c->in, c->words.input + c->fed, left) : 0;
  if (n > 0) c->fed += (size_t)n;
  if (c->fed == c->words.input_bytes || (n < 0 && errno != EAGAIN && errno != EINTR)) {
    close_end(&c->in);
  }
}

static void keep_end(mkt_command_result *heard, const char *p, size_t n) {
  size_t room = sizeof heard->output;
  if (n > room) {
    p += n - room;
    n = room;
  }
  size_t kept = heard->output_bytes < room - n ? heard->output_bytes : room - n;
  memmove(heard->output, heard->output + heard->output_bytes - kept, kept);
  memcpy(heard->output + kept, p, n);
  heard->output_bytes = kept + n;
}

/* Whether there may be more at once. */
static bool hear(mkt_command *c) {
  ssize_t n = read(c->out, c->chunk, CHUNK_BYTES);
  if (n > 0) keep_end(&c->heard, c->chunk, (size_t)n);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) close_end(&c->out);
  return n == CHUNK_BYTES;
}

static void exchange(mkt_command *c) {
  struct pollfd ends[] = {{.fd = c->in, .events = POLLOUT}, {.fd = c->out, .events = POLLIN}};
  if (poll(ends, 2, LOOK_MILLISECONDS) <= 0) return;
  if (ends[0].revents != 0) feed(c);
  if (ends[1].revents != 0 && hear(c)) rest(PAUSE_MILLISECONDS);
}

/* Its end */

static bool is_unwanted(mkt_command *c) {
  lock(c);
  bool unwanted = c->is_unwanted;
  unlock(c);
  return unwanted;
}

static bool is_reaped(mkt_command *c) {
  int status;
  pid_t found = waitpid(c->pid, &status, WNOHANG);
  if (found == 0 || (found < 0 && errno == EINTR)) return false;
  c->heard.end = MKT_COMMAND_UNKNOWN;
  if (found < 0) return true;
  c->heard.end = WIFEXITED(status) ? MKT_COMMAND_EXITED : MKT_COMMAND_KILLED;
  c->heard.number = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
  return true;
}

static void tell(mkt_command *c) {
  lock(c);
  c->result = c->heard;
  unlock(c);
}

/* Its session has its process's number, which nobody else gets before it is waited for: so that is
 * done last, after what it has started had the same grace. What even SIGKILL does not end, as it
 * waits for a disk, has taken too long all the same. */
static void end_it(mkt_command *c) {
  (void)kill(-c->pid, SIGTERM);
  double ends_at = mkt_clock_monotonic() + GRACE_SECONDS;
  while (mkt_clock_monotonic() < ends_at)
    exchange(c);
  (void)kill(-c->pid, SIGKILL);
  while (!is_reaped(c)) {
    c->heard.end = MKT_COMMAND_TIMED_OUT;
    tell(c);
    exchange(c);
  }
  c->heard.end = MKT_COMMAND_TIMED_OUT;
}

static void wait_for_end(mkt_command *c) {
  double ends_at = mkt_clock_monotonic() + c->seconds;
  bool is_ended = false;
  while (!is_ended && !is_reaped(c)) {
    is_ended = mkt_clock_monotonic() >= ends_at || is_unwanted(c);
    if (is_ended) {
      end_it(c);
    } else {
      exchange(c);
    }
  }
  if (c->out >= 0) (void)hear(c);
}

static void free_memory(mkt_command *c) {
  mkt_command_words_free(&c->words);
  mkt_free(c->chunk);
  mkt_free(c);
}

static void release(mkt_command *c) {
  (void)pthread_cond_destroy(&c->ended);
  (void)pthread_mutex_destroy(&c->mutex);
  free_memory(c);
}

static void *run(void *of) {
  mkt_command *c = of;
  int problem = start(c);
  if (problem == 0) {
    wait_for_end(c);
  } else {
    c->heard.end = MKT_COMMAND_NOT_STARTED;
    c->heard.number = problem;
  }
  close_end(&c->in);
  close_end(&c->out);
  tell(c);
  lock(c);
  c->has_ended = true;
  bool is_mine = c->is_abandoned;
  (void)pthread_cond_signal(&c->ended);
  unlock(c);
  if (is_mine) release(c);
  return NULL;
}

/* The caller's side */

static mkt_command *make(const mkt_command_options *options) {
  mkt_command *c = mkt_alloc_zero(sizeof *c);
  if (c == NULL) return NULL;
  (void)pthread_mutex_init(&c->mutex, NULL);
  mkt_condition_init(&c->ended);
  c->in = c->out = -1;
  c->owner = getpid();
  c->seconds = options->seconds;
  c->chunk = mkt_alloc(CHUNK_BYTES);
  if (c->chunk != NULL && mkt_command_words_copy(&c->words, options)) return c;
  release(c);
  return NULL;
}

mkt_code mkt_command_start(mkt_command **started, const mkt_command_options *options,
                           mkt_error *error) {
  *started = NULL;
  mkt_command *c = make(options);
  if (c == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  int problem = mkt_thread_start(&c->thread, run, c);
  if (problem != 0) {
    release(c);
    return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, "no thread: %s", strerror(problem));
  }
  *started = c;
  return MKT_OK;
}

mkt_command_result mkt_command_look(mkt_command *c) {
  mkt_command_result result = {.end = MKT_COMMAND_UNKNOWN};
  if (c->owner != getpid()) return result;
  lock(c);
  result = c->result;
  unlock(c);
  return result;
}

/* A forked child has neither the thread nor, it may be, the mutex, and the descriptors may be
 * somebody else's by now. */
void mkt_command_close(mkt_command *c) {
  if (c == NULL) return;
  if (c->owner != getpid()) {
    free_memory(c);
    return;
  }
  struct timespec deadline = mkt_deadline_in(CLOSE_MILLISECONDS);
  pthread_t thread = c->thread;
  int problem = 0;
  lock(c);
  c->is_unwanted = true;
  while (!c->has_ended && problem == 0)
    problem = pthread_cond_timedwait(&c->ended, &c->mutex, &deadline);
  c->is_abandoned = !c->has_ended;
  bool is_mine = c->has_ended;
  unlock(c);
  if (!is_mine) {
    (void)pthread_detach(thread);
    return;
  }
  (void)pthread_join(thread, NULL);
  release(c);
}
