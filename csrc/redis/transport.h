/* transport.h: bytes to and from a Redis server, by TCP or a Unix socket, with TLS if asked for.
 *
 * Nothing waits longer than until its deadline, except that the system's resolver looks up a
 * host's name while everything else waits, and bounds that itself.
 */
#ifndef MKT_REDIS_TRANSPORT_H
#define MKT_REDIS_TRANSPORT_H

#include "redis/options.h"
#include "redis/tls.h"

#include <netdb.h>

/* Zero it before use. */
typedef struct mkt_redis_transport {
  bool is_open;
  int socket;
  SSL *tls; /* NULL without */
} mkt_redis_transport;

/* Of a host's addresses, each gets an equal share of the time that is left; what the last one said
 * is told. MKT_ERR_CONNECT_FAILED, MKT_ERR_TIMEOUT, and what mkt_redis_tls_open gives. */
mkt_code mkt_redis_transport_open(mkt_redis_transport *transport, const mkt_redis_options *options,
                                  mkt_redis_deadline deadline, mkt_error *error);

/* The same, with addresses that were looked up. */
mkt_code mkt_redis_transport_open_one_of(mkt_redis_transport *transport,
                                         const mkt_redis_options *options,
                                         const struct addrinfo *addresses,
                                         mkt_redis_deadline deadline, mkt_error *error);

/* All of it. MKT_ERR_CONNECT_FAILED, MKT_ERR_TLS_FAILED, MKT_ERR_TIMEOUT. */
mkt_code mkt_redis_transport_send(mkt_redis_transport *transport, const char *p, size_t n,
                                  mkt_redis_deadline deadline, mkt_error *error);

/* At least one byte; likewise. */
mkt_code mkt_redis_transport_receive(mkt_redis_transport *transport, char *out, size_t capacity,
                                     size_t *n, mkt_redis_deadline deadline, mkt_error *error);

/* Idempotent. Sends nothing. */
void mkt_redis_transport_close(mkt_redis_transport *transport);

#endif
