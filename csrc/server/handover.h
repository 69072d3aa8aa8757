/* handover.h: what becomes of a connection's request, and of the response to it. */
#ifndef MKT_HANDOVER_H
#define MKT_HANDOVER_H

#include "server/internal.h"

/* Appends all of one list to another; the requests of both are then in that one. */
void mkt_ready_append(mkt_ready *to, const mkt_ready *from);

/* The request is complete, or cannot become so: it joins the ready list. */
void mkt_hand_over(mkt_server *server, mkt_request *request);

/* The connection has no request any more. A complete one stays for its owner, an incomplete one
 * goes with its connection. */
void mkt_abandon(mkt_server *server, mkt_connection *connection);

/* NULL is allowed. The server keeps its empty response for the next requests. */
void mkt_drop_response(const mkt_server *server, struct MHD_Response *response);

#endif
