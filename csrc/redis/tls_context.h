/* tls_context.h: what a TLS connection is made with: authorities, and the client's certificate. */
#ifndef MKT_REDIS_TLS_CONTEXT_H
#define MKT_REDIS_TLS_CONTEXT_H

#include "core/error.h"
#include "redis/options.h"

#include <openssl/ssl.h>

/* The caller frees it with SSL_CTX_free. MKT_ERR_TLS_FAILED (a file cannot be used),
 * MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_redis_tls_context(SSL_CTX **out, const mkt_redis_options *options, mkt_error *error);

#endif
