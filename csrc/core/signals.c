#include "signals.h"

#include "clock.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stop_asked;
static volatile sig_atomic_t reload_asked;
static volatile double stop_asked_at; /* read and written by the handler alone */

static void note_stop(int number) {
  if (!stop_asked) {
    stop_asked_at = mkt_clock_monotonic();
    stop_asked = 1;
  } else if (mkt_clock_monotonic() > stop_asked_at + 1) {
    (void)signal(number, SIG_DFL);
    (void)raise(number);
  }
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

/* If none was asked for, nothing is written: that would undo one that comes just now. */
bool mkt_signals_take_reload(void) {
  if (!reload_asked) return false;
  reload_asked = 0;
  return true;
}
