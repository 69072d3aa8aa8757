/* send.h: answers whose bodies are sent piece by piece, as the client takes them.
 *
 * Such an answer has no time limit as a whole, but its client has to take some of it again and
 * again. All of this is called back by libmicrohttpd in the turn of whoever runs the sockets.
 */
#ifndef MKT_SEND_H
#define MKT_SEND_H

#include "server/internal.h"

/* A response with the answer's pieces, which it takes over in any case; NULL when memory is short.
 * close: it ends its connection. */
struct MHD_Response *mkt_send_response(mkt_server *server, mkt_connection *connection,
                                       const mkt_answer *answer, bool close);

/* The response is queued: from now on the connection is sending. */
void mkt_send_begin(mkt_server *server, mkt_connection *connection);

/* A connection that had to wait because of its rate goes on. */
void mkt_send_go_on(mkt_server *server, mkt_connection *connection);

/* Ends the connections that wait, so that libmicrohttpd can be stopped. */
void mkt_send_end_waits(mkt_server *server);

#endif
