/* http_certificate.h: the certificate that a server showed, as far as somebody who judges it wants
 * to know. Whether it is trusted is decided elsewhere. */
#ifndef MKT_HTTP_CERTIFICATE_H
#define MKT_HTTP_CERTIFICATE_H

#include "buffer.h"
#include "error.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

enum { MKT_HTTP_NAMES_MOST = 16384 };

/* Zero bytes are a valid one that is not known. */
typedef struct mkt_http_certificate {
  bool is_known;
  int64_t starts_at, expires_at; /* seconds since 1970-01-01T00:00:00Z */
  mkt_buffer names; /* the host names and addresses it is for, each with a NUL after it; those that
                       do not fit are left out */
} mkt_http_certificate;

/* Reads it of an exchange that has ended, if the option CURLOPT_CERTINFO was set and TLS came as
 * far as that. It is the server's own, not those that vouch for it. MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_http_certificate_read(mkt_http_certificate *certificate, CURL *easy, mkt_error *error);

/* The same of one in PEM, which OpenSSL has read before: what cannot be read now is for want of
 * memory. */
mkt_code mkt_http_certificate_parse(mkt_http_certificate *certificate, const char *pem,
                                    mkt_error *error);

void mkt_http_certificate_clear(mkt_http_certificate *certificate);

#endif
