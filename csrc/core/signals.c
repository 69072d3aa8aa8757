#include "signals.h"

#include "clock.h"
#include "timestamp.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_asked; /* the number of the signal */
static volatile sig_atomic_t reload_asked;
static volatile double stop_asked_at; /* written before stop_asked, and once */

/* Written before is_limited, and not changed after it. */
static volatile sig_atomic_t is_limited;
static struct {
  timer_t timer;
  double seconds;
  int fd;
  size_t n, time_at;
  char line[MKT_LAST_LINE_BYTES];
} limit;

/* As a shell says it of a process that a signal has ended. */
enum { ENDED_BY = 128 };

/* The first process of a container is not ended by a signal that it does not handle. */
static void end_by(int number) {
  sigset_t only;
  (void)sigemptyset(&only);
  (void)sigaddset(&only, number);
  (void)signal(number, SIG_DFL);
  (void)pthread_kill(pthread_self(), number);
  (void)pthread_sigmask(SIG_UNBLOCK, &only, NULL);
  _exit(ENDED_BY + number);
}

static void write_last_line(void) {
  char at[MKT_TIMESTAMP_BYTES];
  struct pollfd log = {.fd = limit.fd, .events = POLLOUT};
  if (limit.n == 0 || poll(&log, 1, 0) != 1 || (log.revents & POLLOUT) == 0) return;
  mkt_timestamp_format((int64_t)(mkt_clock_wall() * 1000), at);
  memcpy(limit.line + limit.time_at, at, MKT_TIMESTAMP_BYTES - 1);
  (void)!write(limit.fd, limit.line, limit.n);
}

static void end_stop(int number) {
  (void)number;
  write_last_line();
  end_by(stop_asked);
}

/* SIGALRM's disposition is replaced only now: until then it is whoever's uses it. */
static void start_limit(void) {
  struct sigaction action = {.sa_handler = end_stop};
  double left = limit.seconds - mkt_signals_stopping_for();
  if (left < 0.001) left = 0.001;
  const struct itimerspec once = {
      .it_value = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)}};
  (void)sigfillset(&action.sa_mask);
  (void)sigaction(SIGALRM, &action, NULL);
  (void)timer_settime(limit.timer, 0, &once, NULL);
}

static void note_stop(int number) {
  int why = errno;
  if (!stop_asked) {
    stop_asked_at = mkt_clock_monotonic();
    stop_asked = number;
    if (is_limited) start_limit();
  } else if (mkt_clock_monotonic() > stop_asked_at + 1) {
    end_by(number);
  }
  errno = why;
}

static void note_reload(int number) {
  (void)number;
  reload_asked = 1;
}

static void pass_over(int number) {
  (void)number;
}

void mkt_signals_catch(void) {
  struct sigaction action = {.sa_handler = note_stop};
  (void)sigfillset(&action.sa_mask);
  (void)sigaction(SIGTERM, &action, NULL);
  (void)sigaction(SIGINT, &action, NULL);
  action.sa_handler = note_reload;
  (void)sigaction(SIGHUP, &action, NULL);
  /* not SIG_IGN: programs that a callback starts would inherit that, and write on into the void */
  action.sa_handler = pass_over;
  (void)sigaction(SIGPIPE, &action, NULL);
}

bool mkt_signals_stop_asked(void) {
  return stop_asked != 0;
}

double mkt_signals_stopping_for(void) {
  return stop_asked ? mkt_clock_monotonic() - stop_asked_at : 0;
}

static void copy_line(const mkt_last_line *line) {
  limit.fd = line->fd;
  limit.n = line->n <= sizeof limit.line ? line->n : sizeof limit.line;
  limit.time_at = line->time_at;
  memcpy(limit.line, line->p, limit.n);
}

mkt_code mkt_signals_limit_stop(double seconds, const mkt_last_line *line, mkt_error *error) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
  if (is_limited) return MKT_OK;
  if (timer_create(CLOCK_MONOTONIC, &event, &limit.timer) != 0) {
    return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, "no timer: %s", strerror(errno));
  }
  limit.seconds = seconds;
  copy_line(line);
  atomic_signal_fence(memory_order_seq_cst);
  is_limited = 1;
  if (stop_asked) start_limit();
  return MKT_OK;
}

/* If none was asked for, nothing is written: that would undo one that comes just now. */
bool mkt_signals_take_reload(void) {
  if (!reload_asked) return false;
  reload_asked = 0;
  return true;
}
