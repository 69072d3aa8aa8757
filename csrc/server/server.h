/* server.h: a small HTTP/1.1 server on libmicrohttpd, made for being handed many short POSTs.
 *
 * The owner owns the loop: mkt_server_poll runs the sockets and gathers the requests that are
 * complete, the owner answers them in one go, mkt_server_flush sends the bytes. Nothing of the
 * owner's is called back from inside libmicrohttpd.
 *
 * Threads: one thread at a time is the owner, and calls these functions. Each server has a thread
 * of its own besides, the front, which runs the sockets once the owner has called none of them for
 * MKT_FRONT_PATIENCE milliseconds (front.h): connections are accepted, requests are read and
 * deadlines are kept, whatever the owner does meanwhile, and the next poll hands out what has come.
 * What mkt_server_poll has handed out is the owner's, and is read without a lock. The front handles
 * no signals, so a handler runs in one of the process's own threads, and can end a poll's wait.
 *
 * A client can waste neither time nor memory without limit. Every state of a connection has a
 * deadline of its own, whatever trickles in, and a body has to come at a least rate. Bodies are
 * bounded each and together: when there is no more room for them, the largest gives way, which is
 * no notification, and when max_connections are open the one that is worth least makes room for the
 * newcomer. So whoever sends much or slowly disturbs himself. An answer in pieces may take as long
 * as its client needs that takes some of it within each idle_timeout.
 *
 * A request that cannot become complete (malformed, too large, too slow, no room for it) is handed
 * out as well, with a fault and no body, so that the owner says how it is answered; the answer ends
 * its connection. libmicrohttpd takes no answer in the middle of an upload; those answers are
 * written to the socket here, and what the client still sends is then discarded for a while
 * (linger.h), so that it reads the answer instead of a reset. What libmicrohttpd refuses by itself
 * is handed out too, to be known: the owner's answer to it goes nowhere.
 *
 * Requests of other paths, the routes, give way to notifications: together they take at most half
 * of the connections and half of the room for bodies, and an unfinished one is ended for a
 * notification that finds no place.
 *
 * While the owner is away, the front of a server that has a path of notifications refuses by itself
 * what cannot be one and is of no route, so that nobody who has no signature keeps a connection
 * from those who have one. The first of each kind are handed out all the same, to be known, and the
 * rest is counted. When all connections are taken, MKT_SERVER_BEYOND more are accepted, and get
 * only what can be answered at once: probes, and refusals.
 */
#ifndef MKT_SERVER_H
#define MKT_SERVER_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  MKT_SERVER_ADDRESS_BYTES = 64,   /* the longest numeric address with its scope, and a NUL */
  MKT_ANSWER_HEADERS = 32,         /* the most headers an answer can have */
  MKT_HEADER_BYTES_LEAST = 1024,   /* the least max_header_bytes: room for an answer's headers */
  MKT_HEADER_BYTES_MOST = 1 << 20, /* the most */
  MKT_SERVER_BEYOND = 64           /* connections beyond max_connections, if there is a path */
};

typedef struct mkt_server mkt_server;
typedef struct mkt_request mkt_request;

/* Names one request of one server, and never another one: 52 bits, never 0. */
typedef uint64_t mkt_handle;

/* What is answered beside notifications: requests of a path or, if it ends with a slash, of all
 * that begin with it. Of those that have a body, only POSTs of a plain one are received. */
typedef struct mkt_route {
  const char *path;
  size_t max_body; /* bytes */
} mkt_route;

/* All of it is borrowed for the call of mkt_server_open only. Times in milliseconds, at least 1. */
typedef struct mkt_server_options {
  const char *host;     /* a numeric address, or a name that resolves to one */
  uint16_t port;        /* 0: the system chooses */
  const char *tls_cert; /* PEM text, the chain; NULL (and tls_key NULL) for plain HTTP */
  const char *tls_key;  /* PEM text */
  const char *path;     /* of notifications: only their bodies are received, and others are refused
                           while the owner is away. NULL: all are, and none is */
  const mkt_route *routes; /* the first that a request is of counts */
  size_t route_count;
  size_t max_body;         /* bytes of a body that is of no route */
  size_t max_buffered;     /* bytes of all bodies that are incomplete or unanswered */
  size_t max_connections;  /* connections kept; at least 1 */
  size_t max_header_bytes; /* memory of a connection for the request line and headers */
  uint64_t header_timeout; /* headers complete, from the request line (the first ones: from
                              connecting) */
  uint64_t body_timeout;   /* body complete, from the headers */
  uint64_t idle_timeout;   /* the next request's headers complete, from the answer before */
  const char *live_path;   /* a GET of it is answered 200 by the server itself, or 503 while it is
                              draining; NULL: none */
  const char *ready_path;  /* a GET of it is answered 503 if the owner does not within 750 ms, and
                              then what the owner answers goes nowhere; NULL: none */
} mkt_server_options;

typedef enum mkt_fault {
  MKT_FAULT_NONE,
  MKT_FAULT_TIMEOUT,    /* the body was not complete in time */
  MKT_FAULT_TOO_LARGE,  /* declared to be larger than it may be, or grew larger */
  MKT_FAULT_OVERLOADED, /* max_buffered is reached, or memory is short */
  MKT_FAULT_UNREAD,     /* not wanted, by its head: its body is not received */
  MKT_FAULT_MALFORMED,  /* where it ends, or what it says, can be read in more than one way */
  MKT_FAULT_NO_LENGTH,  /* a POST that says not where it ends */
  MKT_FAULT_NO_REQUEST  /* the bytes were none: it has a remote address, and nothing else */
} mkt_fault;

/* What the front refuses while the owner is away. */
typedef enum mkt_refusal {
  MKT_REFUSAL_NONE,
  MKT_REFUSAL_MALFORMED,
  MKT_REFUSAL_NO_REQUEST,
  MKT_REFUSAL_NOT_FOUND,  /* nothing is at the path */
  MKT_REFUSAL_WRONG_PATH, /* the same, with a signature: a webhook's URL may be wrong */
  MKT_REFUSAL_NOT_GET,    /* a probe's path */
  MKT_REFUSAL_NO_LENGTH,
  MKT_REFUSAL_NOT_POST,
  MKT_REFUSAL_ENCODED,
  MKT_REFUSAL_TOO_LARGE,
  MKT_REFUSAL_SIGNATURE_MISSING,
  MKT_REFUSAL_SIGNATURE_MALFORMED,
  MKT_REFUSAL_TIMEOUT,
  MKT_REFUSAL_OVERLOADED,
  MKT_REFUSALS
} mkt_refusal;

/* A header of an answer: NUL-terminated, borrowed. */
typedef struct mkt_field {
  const char *name;
  const char *value;
} mkt_field;

/* The status that closes the connection without a byte of an answer, as nginx's 444 does. */
enum { MKT_STATUS_NO_ANSWER = 444 };

/* A body in pieces (body.h), for what is too large to be one string, or is to be sent slowly. */
typedef struct mkt_body mkt_body;

/* The most pieces of a body, and the length of one that promises none: it is sent in chunks. */
enum { MKT_BODY_PIECES_MOST = 1 << 20 };
#define MKT_BODY_NO_LENGTH UINT64_MAX

/* For so many pieces at most; NULL when memory is short. */
mkt_body *mkt_body_open(size_t capacity);

/* NULL is allowed. */
void mkt_body_close(mkt_body *body);

/* Adds a copy of a piece. A long one from a place that another was added from, which must have been
 * kept alive since then, shares its copy. False when memory is short or there is no room. */
bool mkt_body_add(mkt_body *body, const char *p, size_t n);

/* Says another length than the sum of the pieces, or MKT_BODY_NO_LENGTH. After the last piece of a
 * body that promised more, the connection is closed. It must not promise less. */
void mkt_body_promise(mkt_body *body, uint64_t length);

/* The most bytes a second; 0, or more than a terabyte: as fast as the client takes them. */
void mkt_body_limit_rate(mkt_body *body, uint64_t rate);

typedef struct mkt_answer {
  unsigned status; /* 200 to 599 */
  const mkt_field *headers;
  size_t header_count; /* at most MKT_ANSWER_HEADERS */
  const char *body;    /* without pieces */
  size_t body_length;
  mkt_body *pieces; /* in place of `body`, or NULL; to a request with a fault none of it is sent */
} mkt_answer;

/* A piece of a request; borrowed, not NUL-terminated, p is NULL if the request has none. */
typedef struct mkt_text {
  const char *p;
  size_t n;
} mkt_text;

typedef struct mkt_server_stats {
  size_t connections;     /* open now */
  size_t waiting;         /* requests that are complete (or faulty) and not answered */
  size_t buffered;        /* bytes of bodies that are incomplete or unanswered */
  uint64_t accepted;      /* connections since the start */
  uint64_t evicted;       /* connections closed to make room for a newer one */
  int64_t tls_expires_at; /* the certificate; seconds since 1970, 0 without TLS */
  uint64_t refused;       /* connections closed at once: all the others were handing over a request
                           */
} mkt_server_stats;

/* Requests that the front has refused and not handed out, since the start. */
typedef struct mkt_refused {
  uint64_t all;
  uint64_t of_kind[MKT_REFUSALS];
} mkt_refused;

/* Listens, and starts the front. On success *server is owned by the caller. MKT_ERR_LISTEN_FAILED,
 * MKT_ERR_TLS_FAILED or MKT_ERR_OUT_OF_MEMORY otherwise, and *server is NULL. Raises the process's
 * soft limit of open files if max_connections needs it. */
mkt_code mkt_server_open(mkt_server **server, const mkt_server_options *options, mkt_error *error);

/* Answers what is waiting with 503, closes every connection, ends the front and frees the server.
 * NULL is allowed. In a process forked from the one that opened it: frees nothing and touches no
 * socket, for they are the parent's as well. */
void mkt_server_close(mkt_server *server);

/* Whether this process opened the server. In another one only mkt_server_close may be called. */
bool mkt_server_is_ours(const mkt_server *server);

/* The address that is listened on, numeric. Static storage of the server. */
const char *mkt_server_host(const mkt_server *server);
uint16_t mkt_server_port(const mkt_server *server);

/* Runs the sockets; waits for at most so many milliseconds when there is nothing to do, and less
 * when bytes came that complete no request or a signal handler ran. Returns how many requests are
 * ready. */
size_t mkt_server_poll(mkt_server *server, int milliseconds);

/* The ready requests, oldest first: mkt_server_ready is the first, NULL when there is none. They
 * stay ready, and their text valid, until the next call of mkt_server_take. */
const mkt_request *mkt_server_ready(const mkt_server *server);
const mkt_request *mkt_request_next(const mkt_request *request);

mkt_handle mkt_request_handle(const mkt_request *request);
mkt_fault mkt_request_fault(const mkt_request *request);

/* The status that libmicrohttpd or the front has answered the request with, 0 if none has. */
unsigned mkt_request_answered(const mkt_request *request);

mkt_text mkt_request_method(const mkt_request *request);
mkt_text mkt_request_path(const mkt_request *request);   /* as sent: not percent-decoded */
mkt_text mkt_request_query(const mkt_request *request);  /* without the question mark */
mkt_text mkt_request_remote(const mkt_request *request); /* the client's numeric address */
mkt_text mkt_request_body(const mkt_request *request);   /* p is NULL when there is a fault */

/* Walks through the headers: start with *cursor 0, false at the end. Names are in lower case. */
bool mkt_request_header(const mkt_request *request, size_t *cursor, mkt_text *name,
                        mkt_text *value);

/* Says that the caller has what it needs of all the ready requests: none is ready any more, their
 * text is gone, and only their handles remain, to be answered. */
void mkt_server_take(mkt_server *server);

/* Whether this request was taken from this server and is not answered. */
bool mkt_server_is_waiting(mkt_server *server, mkt_handle handle);

/* Whether nobody waits any more for the answer to a request that was taken: its client has closed
 * the connection, or will send nothing more on it. */
bool mkt_server_is_abandoned(mkt_server *server, mkt_handle handle);

/* What is wrong with such a header of an answer, or NULL; `value` has `value_length` bytes and a
 * NUL behind. */
const char *mkt_answer_header_problem(const char *name, size_t name_length, const char *value,
                                      size_t value_length);

/* Answers a request that is waiting (checked with mkt_server_is_waiting; anything else is
 * ignored). Takes over the answer's pieces in any case. Never fails for the caller: if the client
 * has gone nothing is sent, and if memory is short its connection is closed. The bytes leave with
 * the next flush or poll. */
void mkt_server_answer(mkt_server *server, mkt_handle handle, const mkt_answer *answer);

/* Replaces the certificate and its key: for connections that begin from now on. On failure the old
 * ones stay. MKT_ERR_TLS_FAILED or MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_server_set_certificate(mkt_server *server, const char *cert, const char *key,
                                    mkt_error *error);

/* Sends what was answered, without waiting. */
void mkt_server_flush(mkt_server *server);

/* Closes the listening socket and the connections that are idle; from now on every answer closes
 * its connection. Requests in progress still come out of mkt_server_poll. */
void mkt_server_drain(mkt_server *server);

mkt_server_stats mkt_server_statistics(mkt_server *server);

/* Counts of what the front has refused by itself beside what it hands out. Those of a route, by its
 * place in the options, are not among the server's, but for `all`. */
mkt_refused mkt_server_refused(mkt_server *server);
size_t mkt_server_route_count(const mkt_server *server);
mkt_refused mkt_server_refused_of_route(mkt_server *server, size_t route);

/* The owner's word for it, and the status it is answered with, 0 if it gets no answer. Not for
 * MKT_REFUSAL_NONE. */
const char *mkt_refusal_code(mkt_refusal refusal);
unsigned mkt_refusal_status(mkt_refusal refusal);

#endif
