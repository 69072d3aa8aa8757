/* http_connect.h: to which host and port a connection is made in place of those that the URL names.
 * The certificate, and the header Host, are still those of the URL's host. */
#ifndef MKT_HTTP_CONNECT_H
#define MKT_HTTP_CONNECT_H

#include "error.h"

#include <curl/curl.h>

enum { MKT_HTTP_CONNECT_MOST = 320 };

/* As CURLOPT_CONNECT_TO takes it: kept for as long as the exchange is under way. Zero bytes are a
 * valid one that says nothing. */
typedef struct mkt_http_connect {
  struct curl_slist entry;
  char text[MKT_HTTP_CONNECT_MOST];
} mkt_http_connect;

/* address: "host:port", "host" for the URL's port, an IPv6 address in brackets.
 * MKT_ERR_REQUEST_INVALID for anything else. */
mkt_code mkt_http_connect_set(mkt_http_connect *connect, const char *address, mkt_error *error);

#endif
