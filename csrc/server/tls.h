/* tls.h: a certificate chain and its key, which can be replaced while connections use the old one.
 *
 * libmicrohttpd has the ones that it was started with. It makes a connection's TLS session before
 * it says that there is one, and the handshake begins after that: there the session gets these.
 */
#ifndef MKT_TLS_H
#define MKT_TLS_H

#include "core/error.h"

#include <gnutls/gnutls.h>

/* Protocols and ciphers in GnuTLS's notation. */
#define MKT_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

typedef struct mkt_certificate {
  gnutls_certificate_credentials_t credentials;
  int64_t expires_at; /* the certificate itself, not those that signed it; seconds since 1970 */
  size_t users;       /* the server, as long as it is the newest, and connections */
} mkt_certificate;

/* Both are NUL-terminated PEM text. On success *certificate has one user, the caller.
 * MKT_ERR_TLS_FAILED naming the option at fault, or MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_certificate_open(mkt_certificate **certificate, const char *cert, const char *key,
                              mkt_error *error);

/* One more user, and one less: it is freed with its last. NULL is allowed. */
mkt_certificate *mkt_certificate_use(mkt_certificate *certificate);
void mkt_certificate_release(mkt_certificate *certificate);

#endif
