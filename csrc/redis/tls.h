/* tls.h: TLS 1.2 or later over a socket, with OpenSSL.
 *
 * The server's certificate must be one that a trusted authority signed, and have the host's name or
 * address. Whatever fails leaves OpenSSL's error queue empty. */
#ifndef MKT_REDIS_TLS_H
#define MKT_REDIS_TLS_H

#include "redis/options.h"
#include "redis/socket.h"

#include <openssl/ssl.h>

/* The caller frees it with mkt_redis_tls_close, before the socket is closed. MKT_ERR_TLS_FAILED
 * (the server is not the right one, files cannot be used, this is no TLS), MKT_ERR_CONNECT_FAILED,
 * MKT_ERR_TIMEOUT, MKT_ERR_OUT_OF_MEMORY, MKT_ERR_CRYPTO_FAILED (another OpenSSL). */
mkt_code mkt_redis_tls_open(SSL **out, int socket, const mkt_redis_options *options,
                            mkt_redis_deadline deadline, mkt_error *error);

/* MKT_ERR_CONNECT_FAILED, MKT_ERR_TLS_FAILED. Neither raises SIGPIPE. */
mkt_code mkt_redis_tls_send(SSL *tls, const char *p, size_t n, mkt_redis_progress *progress,
                            mkt_error *error);
mkt_code mkt_redis_tls_receive(SSL *tls, char *out, size_t capacity, mkt_redis_progress *progress,
                               mkt_error *error);

/* Tells the server nothing. NULL is allowed. */
void mkt_redis_tls_close(SSL *tls);

#endif
