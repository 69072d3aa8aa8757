/* http_lines.h: the header lines of a request, copied for as long as it is under way and wiped
 * afterwards: one of them is the bearer token. */
#ifndef MKT_HTTP_LINES_H
#define MKT_HTTP_LINES_H

#include "error.h"

#include <curl/curl.h>
#include <stddef.h>

/* One block that holds libcurl's list and the text. Zero bytes are a valid empty one. */
typedef struct mkt_http_lines {
  struct curl_slist *list;
  size_t bytes;
} mkt_http_lines;

/* Copies them, with a last line that keeps libcurl from asking for 100-continue, which would cost
 * a second on servers that ignore it. MKT_ERR_REQUEST_INVALID for a line that is not "Name: value"
 * or holds a control character; MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_http_lines_copy(mkt_http_lines *lines, const char *const *headers, size_t count,
                             mkt_error *error);

void mkt_http_lines_clear(mkt_http_lines *lines);

#endif
