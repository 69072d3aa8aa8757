/* http.h: HTTP exchanges over libcurl's multi interface: any number at a time, none of which
 * blocks.
 *
 * Exchanges share one pool of connections for each thread of a process. After a fork the child
 * leaves the parent's pool alone and makes its own. An exchange belongs to the thread that started
 * it.
 *
 * TLS certificates and host names are always verified. Plain HTTP is for loopback addresses only,
 * where no proxy is used either; elsewhere proxies come from the environment as libcurl has it
 * (https_proxy, no_proxy). Redirects are not followed, so that credentials reach no other host.
 *
 * libcurl repeats a request by itself when a connection that it has used before ends without an
 * answer, and when a server refuses a stream of HTTP/2. A POST that was executed just before would
 * be executed twice, and a DELETE be told that there is nothing to delete. GET, HEAD, OPTIONS, PUT
 * and PATCH (App Store Connect's sets attributes to what is sent) bear that; all others are sent by
 * HTTP/1.1 on a connection of their own.
 */
#ifndef MKT_HTTP_H
#define MKT_HTTP_H

#include "buffer.h"
#include "error.h"
#include "http_certificate.h"
#include "http_sink.h"

#include <stdbool.h>
#include <stddef.h>

/* All of it is copied, or used up, by mkt_http_start. */
typedef struct mkt_http_request {
  const char *method;         /* a token (RFC 9110, section 5.6.2) */
  const char *url;            /* https://..., or http://... to a loopback address */
  const char *const *headers; /* "Name: value" lines */
  size_t header_count;
  const char *body; /* NULL if there is none */
  size_t body_n;
  double timeout;         /* seconds for the whole exchange; 0: no limit */
  double connect_timeout; /* seconds of them until it is connected, TLS included; 0: no limit */
  double low_speed_time;  /* seconds for which fewer than low_speed_limit bytes a second arrive; */
  size_t low_speed_limit; /* 0: no limit */
  size_t max_response;    /* bytes of the answer's body; more is MKT_ERR_TOO_LARGE */
  const char *ca_file;    /* PEM certificates to trust in place of the system's, or NULL */
  /* the host and port to connect to in place of the URL's, see http_connect.h, or NULL: no proxy is
   * asked, and http:// needs plain_is_allowed */
  const char *connect_to;
  /* path of the socket to connect to, whatever host the URL names; or NULL */
  const char *unix_socket;
  bool wants_certificate; /* see mkt_http_certificate_of; a connection of its own is made for it */
  bool plain_is_allowed;  /* http:// to any host: for what carries no credentials */
  bool is_streamed;       /* a 2xx answer's body is taken piece by piece, see mkt_http_take */
  /* in place of that, takes the body of a 200 or 206; in use by no other exchange; stays the
   * caller's, who keeps it until this one has ended */
  mkt_http_sink *sink;
  size_t most_per_second; /* bytes that are received a second, on average; 0: no limit */
} mkt_http_request;

typedef struct mkt_http_exchange mkt_http_exchange;

/* On success *exchange is the caller's, to be ended with mkt_http_end. MKT_ERR_REQUEST_INVALID for
 * a method, header or URL that is none, or for plain HTTP if it is not allowed;
 * MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_http_start(mkt_http_exchange **exchange, const mkt_http_request *request,
                        mkt_error *error);

/* Moves all exchanges of this thread on; if none has anything to do and none waits for
 * mkt_http_take, waits for at most so many milliseconds. Returns how many are not done. */
int mkt_http_poll(int milliseconds);

bool mkt_http_is_done(const mkt_http_exchange *exchange);

/* Of one that is done: MKT_OK with whatever status, or MKT_ERR_CONNECT_FAILED, TLS_FAILED, TIMEOUT,
 * TOO_LARGE, OUT_OF_MEMORY, HTTP_FAILED, or what the sink failed with. */
mkt_code mkt_http_result(const mkt_http_exchange *exchange, mkt_error *error);

/* From now on at most so many bytes are received a second, on average; 0: no limit. */
void mkt_http_limit(mkt_http_exchange *exchange, size_t most_per_second);

/* Whether any byte of the request may have reached the server. False only if certainly none did. */
bool mkt_http_was_sent(const mkt_http_exchange *exchange);

/* 0 until the answer's header is complete. */
int mkt_http_status(const mkt_http_exchange *exchange);

/* The answer's header lines, each with its line end, once mkt_http_status is not 0. Valid until
 * mkt_http_end. */
const mkt_buffer *mkt_http_head(const mkt_http_exchange *exchange);

/* The certificate that the server showed, of an exchange that is done and asked for it; also of one
 * that failed because it is not for the URL's host. NULL if none is known. Valid until
 * mkt_http_end. */
const mkt_http_certificate *mkt_http_certificate_of(const mkt_http_exchange *exchange);

/* What has arrived of the body. When it is streamed, no more than a window of it is kept until
 * mkt_http_take says that the caller has used what is there. */
const mkt_buffer *mkt_http_body(const mkt_http_exchange *exchange);
void mkt_http_take(mkt_http_exchange *exchange);

/* Ends it, whatever its state, and wipes what was sent. NULL is allowed. In a process forked from
 * the one that started it, it only frees memory. */
void mkt_http_end(mkt_http_exchange *exchange);

/* Whether this process started it. In another one only mkt_http_end may be called. */
bool mkt_http_is_ours(const mkt_http_exchange *exchange);

#endif
