/* receive.h: what libmicrohttpd calls as requests arrive, piece by piece.
 *
 * Nothing here waits, and nothing here calls the owner: a request that is complete joins the ready
 * list. libmicrohttpd asks again at each of its runs what to do with a connection whose request has
 * no answer yet. While the owner is about to take the request that costs nothing; once it has been
 * taken and a run still finds no answer, the connection is suspended, which costs four system calls
 * and which an owner who answers before the next poll never pays. While the owner is away it is
 * suspended at once.
 */
#ifndef MKT_RECEIVE_H
#define MKT_RECEIVE_H

#include "server/internal.h"

#include <stdarg.h>

/* The callbacks; cls is the mkt_server. */
void mkt_receive_log(void *cls, const char *format, va_list arguments);
void *mkt_receive_line(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result mkt_receive(void *cls, struct MHD_Connection *mhd, const char *url,
                            const char *method, const char *version, const char *data, size_t *size,
                            void **context);

/* The connection's answer is sent: its next request is awaited. */
void mkt_receive_idle(mkt_server *server, mkt_connection *connection);

/* Has libmicrohttpd go on with a connection, if it was suspended. */
void mkt_receive_resume(mkt_connection *connection);

/* What happens to connections whose time is up: a late body becomes a request with a fault, a probe
 * is answered instead of the owner, an answer that had to wait goes on, the others are shut down.
 */
void mkt_receive_expire(mkt_server *server, uint64_t now);

#endif
