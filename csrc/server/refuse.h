/* refuse.h: what the front refuses while the owner is away. */
#ifndef MKT_REFUSE_H
#define MKT_REFUSE_H

#include "server/internal.h"

/* Of each kind, how many of the refused requests are handed out at the next poll, for the log. */
enum { MKT_REFUSED_SHOWN = 16 };

/* Answers those of the ready requests that cannot be notifications, and counts those that are not
 * handed out. */
void mkt_refuse_ready(mkt_server *server);

/* Whether a request of a route was found that waits for the owner, and refused for want of room. */
bool mkt_refuse_one_of_route(mkt_server *server);

#endif
