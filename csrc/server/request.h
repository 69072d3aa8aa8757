/* request.h: one request, from its request line to its answer, and the table that names them.
 *
 * A request owns a copy of all its text, so it outlives its connection: a client that goes away
 * leaves a request that can still be read and answered (into the void).
 */
#ifndef MKT_REQUEST_H
#define MKT_REQUEST_H

#include "core/buffer.h"
#include "server/server.h"

struct mkt_connection;

typedef struct mkt_span {
  size_t at;
  size_t n;
} mkt_span;

struct mkt_request {
  mkt_request *next;                 /* in the ready list or in the free list */
  struct mkt_connection *connection; /* NULL once the client has gone */
  mkt_handle handle;                 /* 0 while the slot is free */
  const mkt_route *route;            /* NULL: for notifications, or of none */
  mkt_fault fault;
  mkt_refusal refusal; /* why the front has refused it, if it has */
  unsigned answered;   /* by libmicrohttpd or the front, with this status; 0 if it has not */
  bool complete;       /* ready, or taken */
  bool taken;
  bool has_query;
  size_t counted;  /* bytes of the body that count as buffered, also once it is dropped */
  mkt_buffer text; /* the spans point into it: it moves while it grows */
  mkt_span method;
  mkt_span path;
  mkt_span query;
  mkt_span remote;
  mkt_span headers;
  mkt_buffer body;
};

typedef struct mkt_requests {
  mkt_request **slots;
  size_t count;
  size_t capacity;
  mkt_request *unused;
  size_t buffered;           /* bytes of bodies that are incomplete or unanswered */
  size_t buffered_of_routes; /* of those, the ones of routes */
} mkt_requests;

/* A fresh request with a new handle, or NULL when memory is short. What limits its text is the
 * memory that libmicrohttpd has for a connection. It takes no body yet. */
mkt_request *mkt_requests_add(mkt_requests *requests);

/* Says whose its body is, which has none so far: its route, or NULL, and the most bytes. */
void mkt_request_set_route(mkt_request *request, const mkt_route *route, size_t max_body);

/* NULL for a handle that names no request of this table. */
mkt_request *mkt_requests_find(const mkt_requests *requests, mkt_handle handle);

/* Appends to the body, which counts as buffered from now on. MKT_OK, MKT_ERR_TOO_LARGE or
 * MKT_ERR_OUT_OF_MEMORY; on failure the body is unchanged. */
mkt_code mkt_requests_add_body(mkt_requests *requests, mkt_request *request, const char *data,
                               size_t size);

/* Drops the body of a request that cannot become complete, which no longer counts. */
void mkt_requests_discard_body(mkt_requests *requests, mkt_request *request);

/* Back to the table; its handle is void from now on, and its body no longer counts. */
void mkt_requests_remove(mkt_requests *requests, mkt_request *request);

void mkt_requests_free(mkt_requests *requests);

/* Frees the text and the body (large ones; small ones are kept for the next request). */
void mkt_request_drop_text(mkt_request *request);
void mkt_request_drop_body(mkt_request *request);

/* Each appends to the text; false when memory is short. Between mkt_request_begin_headers and the
 * last header nothing else may be appended. */
bool mkt_request_set_line(mkt_request *request, const char *uri, const char *remote);
bool mkt_request_set_method(mkt_request *request, const char *method);
void mkt_request_begin_headers(mkt_request *request);
bool mkt_request_add_header(mkt_request *request, const char *name, size_t name_length,
                            const char *value, size_t value_length);

/* Whether a piece of a request, which it must have, has these bytes. */
bool mkt_text_is(mkt_text text, const char *expected);

#endif
