/* http.h: one HTTP exchange over libcurl, blocking.
 *
 * TLS certificates and host names are always verified; redirects are not followed; signals are left
 * alone. Proxies come from the environment as libcurl has it (http_proxy, https_proxy, no_proxy).
 */
#ifndef MKT_HTTP_H
#define MKT_HTTP_H

#include "buffer.h"
#include "error.h"

#include <stddef.h>

/* All pointers are borrowed for the call. */
typedef struct mkt_http_request {
  const char *method;
  const char *url;            /* http:// or https:// */
  const char *const *headers; /* "Name: value" lines */
  size_t header_count;
  const char *body;
  size_t body_n;
  double timeout;      /* seconds for the whole exchange */
  size_t max_response; /* bytes of the answer's body; more is MKT_ERR_TOO_LARGE */
  const char *ca_file; /* PEM certificates to trust in place of the system's, or NULL */
} mkt_http_request;

/* Owned by the caller; clear it after success and after failure. */
typedef struct mkt_http_response {
  int status;
  mkt_buffer body;
} mkt_http_response;

/* MKT_OK with any status, or MKT_ERR_CONNECT_FAILED, TLS_FAILED, TIMEOUT, TOO_LARGE, OUT_OF_MEMORY,
 * HTTP_FAILED. */
mkt_code mkt_http_exchange(const mkt_http_request *request, mkt_http_response *response,
                           mkt_error *error);

void mkt_http_response_clear(mkt_http_response *response);

#endif
