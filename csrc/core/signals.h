/* signals.h: signals as something a loop asks for, not as something that interrupts it.
 *
 * A signal's handler only notes that it came; a blocking call that it interrupts returns EINTR, and
 * the loop then looks at the notes.
 */
#ifndef MKT_SIGNALS_H
#define MKT_SIGNALS_H

#include <stdbool.h>

/* From now on SIGTERM and SIGINT ask for a stop and SIGHUP for a reload, and SIGPIPE does nothing:
 * a log that nobody reads any more must not end a server. The process's dispositions are replaced
 * for good; programs that it starts have the system's. Who asks for a stop again, a second or more
 * after the first time, gets the process killed: a loop that hangs can still be stopped. (Closer
 * together they count as one: timeout(1), for one, sends two.) */
void mkt_signals_catch(void);

/* Whether a stop was asked for; stays true. */
bool mkt_signals_stop_asked(void);

/* Whether a reload was asked for since the last call. */
bool mkt_signals_take_reload(void);

#endif
