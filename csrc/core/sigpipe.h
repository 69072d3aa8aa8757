/* sigpipe.h: keeps SIGPIPE from ending the process while a library writes to a socket whose other
 * end is gone. libcurl does so itself only if it may use signals, which it may not here, and
 * older ones let OpenSSL write without MSG_NOSIGNAL, as it does by itself. */
#ifndef MKT_SIGPIPE_H
#define MKT_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

typedef struct mkt_sigpipe_guard {
  sigset_t before;
  bool was_pending;
} mkt_sigpipe_guard;

/* Blocks it for this thread until it is released; one that came meanwhile is swallowed. */
mkt_sigpipe_guard mkt_sigpipe_hold(void);
void mkt_sigpipe_release(const mkt_sigpipe_guard *guard);

#endif
