/* http_options.h: what libcurl is told of a request, but for who takes its answer. */
#ifndef MKT_HTTP_OPTIONS_H
#define MKT_HTTP_OPTIONS_H

#include "http.h"

#include <curl/curl.h>
#include <stdbool.h>

/* Whether this is a method: a token (RFC 9110, section 5.6.2). */
bool mkt_http_is_method(const char *text);

/* body: the request's, kept by the caller until the exchange ends. is_direct: no proxy is asked.
 * False if memory is short. */
bool mkt_http_set_options(CURL *easy, const mkt_http_request *request, const char *body,
                          bool is_direct);

#endif
