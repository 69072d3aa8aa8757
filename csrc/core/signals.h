/* signals.h: signals as something a loop asks for, not as something that interrupts it.
 *
 * A signal's handler only notes that it came; a blocking call that it interrupts returns EINTR, and
 * the loop then looks at the notes.
 */
#ifndef MKT_SIGNALS_H
#define MKT_SIGNALS_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

/* From now on SIGTERM and SIGINT ask for a stop and SIGHUP for a reload, and SIGPIPE does nothing:
 * a log that nobody reads any more must not end a server. The process's dispositions are replaced
 * for good; programs that it starts have the system's. Who asks for a stop again, a second or more
 * after the first time, gets the process killed: a loop that hangs can still be stopped. (Closer
 * together they count as one: timeout(1), for one, sends two.) */
void mkt_signals_catch(void);

/* Whether a stop was asked for; stays true. */
bool mkt_signals_stop_asked(void);

/* Seconds since it was; 0 if it was not. */
double mkt_signals_stopping_for(void);

/* What is written when a stop takes too long: n bytes, at most MKT_LAST_LINE_BYTES, with the time
 * in place of the MKT_TIMESTAMP_BYTES - 1 of them from time_at on. Not if that has to wait. */
typedef struct mkt_last_line {
  int fd; /* open for as long as the process lives */
  const char *p;
  size_t n;
  size_t time_at;
} mkt_last_line;

enum { MKT_LAST_LINE_BYTES = 1024 };

/* From now on the process ends at most so many seconds after a stop was asked for, whatever it does
 * then, as if nothing had caught the signal; the first process of a container, which no such signal
 * ends, by a status of 128 and the signal's number. A timer of the system's sees to that, whose
 * signal is SIGALRM. The line is copied. Only the first call counts. MKT_ERR_OUT_OF_MEMORY if there
 * is no timer. */
mkt_code mkt_signals_limit_stop(double seconds, const mkt_last_line *line, mkt_error *error);

/* Whether a reload was asked for since the last call. */
bool mkt_signals_take_reload(void);

#endif
