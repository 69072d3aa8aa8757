/* tls.h: says what is wrong with a certificate and key before libmicrohttpd, which says nothing. */
#ifndef MKT_TLS_H
#define MKT_TLS_H

#include "core/error.h"

/* Protocols and ciphers in GnuTLS's notation. */
#define MKT_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* MKT_OK, or MKT_ERR_TLS_FAILED naming the option at fault. Both are NUL-terminated PEM text. */
mkt_code mkt_tls_check(const char *cert, const char *key, mkt_error *error);

#endif
