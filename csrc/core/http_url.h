/* http_url.h: which URLs are asked. */
#ifndef MKT_HTTP_URL_H
#define MKT_HTTP_URL_H

#include "error.h"

#include <stdbool.h>

/* MKT_OK for https:// URLs, for http:// ones to a loopback address (127.0.0.0/8, ::1, localhost,
 * which libcurl never asks a name server for), and, if plain_is_allowed, for any http:// one.
 * MKT_ERR_REQUEST_INVALID for anything else, also for URLs that hold a user's name or password.
 * *is_loopback tells whether no proxy may be asked. */
mkt_code mkt_http_check_url(const char *url, bool plain_is_allowed, bool *is_loopback,
                            mkt_error *error);

/* Whether it is one of TLS. */
bool mkt_http_is_https(const char *url);

#endif
