/* reply.h: gives a connection the answer to its request. */
#ifndef MKT_REPLY_H
#define MKT_REPLY_H

#include "server/internal.h"

/* To a request that had this fault, and that is no longer the connection's. libmicrohttpd sends the
 * answer when it runs again; with a fault it is written here. Whether it took over the answer's
 * pieces. */
bool mkt_reply(mkt_server *server, mkt_connection *connection, mkt_fault fault,
               const mkt_answer *answer);

/* Tells a probe that the owner is busy, and ends its connection. What the owner answers goes
 * nowhere. */
void mkt_reply_late(mkt_server *server, mkt_connection *connection);

#endif
