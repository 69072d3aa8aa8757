/* run.h: one round of the sockets, and what to wait for before the next one. For the thread whose
 * turn it is (front.h). */
#ifndef MKT_RUN_H
#define MKT_RUN_H

#include "server/internal.h"

#include <poll.h>

/* What a thread waits for after its turn; it holds nothing of the server. */
typedef struct mkt_wait {
  struct pollfd polled[MKT_LINGER_MOST + 2];
  size_t count;
  int milliseconds;
} mkt_wait;

/* Waits at most so long if nothing is due, and runs the sockets; what is late ends. */
void mkt_run_sockets(mkt_server *server, int milliseconds);

/* Sends what was answered. */
void mkt_run_answers(mkt_server *server);

/* Until when there is nothing to do unless something comes, in milliseconds from now; at most so
 * many. */
int mkt_run_time_to_wait(const mkt_server *server, int milliseconds);

void mkt_run_plan_wait(mkt_server *server, mkt_wait *wait);

/* Waits as planned, and at most until `wakes_fd` is readable. */
void mkt_wait_for(mkt_wait *wait, int wakes_fd);

#endif
