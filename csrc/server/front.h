/* front.h: the thread that runs the sockets while the owner does something else.
 *
 * libmicrohttpd and all that hangs on it belong to one thread at a time, whose turn it is. The
 * owner has the turn from mkt_front_owner_enters to mkt_front_owner_leaves, so for each call of
 * server.h; as long as it comes back soon, the front does nothing, and costs nothing. Once the
 * owner has been away for MKT_FRONT_PATIENCE milliseconds the front takes a turn for each round of
 * the sockets, and waits in between without one, until the owner is back.
 */
#ifndef MKT_FRONT_H
#define MKT_FRONT_H

#include "core/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* More than an owner takes for a batch of requests and its commit. */
enum { MKT_FRONT_PATIENCE = 20 };

struct mkt_server;

typedef enum mkt_turn { MKT_TURN_NOBODYS, MKT_TURN_OWNERS, MKT_TURN_FRONTS } mkt_turn;

/* What is below the lock is guarded by it. Zero bytes before it is started. */
typedef struct mkt_front {
  pthread_t thread;
  pthread_cond_t is_awaited; /* for the front: something happened that may make it run or end */
  pthread_cond_t is_free;    /* for the owner: the front's turn is over */
  int wakes_fd;              /* for the front, while it waits for the sockets */
  pthread_mutex_t lock;
  mkt_turn turn;
  bool is_wanted;  /* the owner waits for the turn: it comes before the front */
  uint64_t visits; /* the owner's turns so far */
  bool is_resting; /* the front waits until the owner leaves */
  bool is_outside; /* the front waits for the sockets, and for wakes_fd */
  bool is_over;
} mkt_front;

/* MKT_OK, or MKT_ERR_LISTEN_FAILED with the system's reason. No signal is handled in the thread. */
mkt_code mkt_front_start(struct mkt_server *server, mkt_error *error);

/* Ends the thread, of a front that was started; it is the owner's turn for good. */
void mkt_front_stop(mkt_front *front);

/* Waits for the end of the front's turn, which never waits for anything itself. */
void mkt_front_owner_enters(mkt_front *front);
void mkt_front_owner_leaves(mkt_front *front);

#endif
