/* linger.h: sockets that have their last answer and are still being sent to.
 *
 * Closing a TCP socket that holds unread bytes resets the connection, and a reset can overtake the
 * answer: a client in the middle of a large upload would never learn why it was refused. So the
 * socket is kept, half closed, for a while after libmicrohttpd has let go of it, and what still
 * comes is thrown away unread.
 */
#ifndef MKT_LINGER_H
#define MKT_LINGER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MKT_LINGER_MOST = 64, MKT_LINGER_TIME = 2000, MKT_LINGER_BYTES = 4 << 20 };

typedef struct mkt_lingerer {
  int fd;
  uint64_t deadline;
  size_t bytes_left;
} mkt_lingerer;

/* Oldest first; the oldest goes when there is no room. Zero bytes are a valid empty one. */
typedef struct mkt_linger {
  mkt_lingerer sockets[MKT_LINGER_MOST];
  size_t count;
} mkt_linger;

/* Takes a duplicate of a socket that its owner is about to close. Does not if the peer is done
 * sending or, unless it was cut short in the middle of a request, has sent nothing that is unread.
 */
void mkt_linger_adopt(mkt_linger *linger, int fd, bool cut_short, uint64_t now);

/* The sockets as a list to wait for with poll, which has room for MKT_LINGER_MOST. How many. */
size_t mkt_linger_list(const mkt_linger *linger, struct pollfd *polled);

/* Discards what came, and closes those that are done or have had their time. */
void mkt_linger_run(mkt_linger *linger, uint64_t now);

/* UINT64_MAX when there is none. */
uint64_t mkt_linger_deadline(const mkt_linger *linger);

void mkt_linger_close(mkt_linger *linger);

#endif
