/* connection.h: what each connection is doing, until when it may, and which one makes room for
 * which. */
#ifndef MKT_CONNECTION_H
#define MKT_CONNECTION_H

#include <microhttpd.h>

#include "server/request.h"

/* The phases up to MKT_PHASE_CLOSING have a deadline. */
typedef enum mkt_phase {
  MKT_PHASE_FRESH,     /* connected; the TLS handshake or the first request line is awaited */
  MKT_PHASE_IDLE,      /* the last request is answered, the next request line is awaited */
  MKT_PHASE_HEADERS,   /* the request line has come */
  MKT_PHASE_BODY,      /* the headers are complete */
  MKT_PHASE_PROBING,   /* its request asks whether the owner is ready: the owner's turn, for a while
                        */
  MKT_PHASE_SENDING,   /* a body in pieces is being sent */
  MKT_PHASE_PAUSED,    /* likewise, but its rate allows no more for now: after that it goes on */
  MKT_PHASE_CLOSING,   /* refused while it was sending: it may read why, and nothing more */
  MKT_PHASE_WAITING,   /* its request is complete or faulty: the owner's turn */
  MKT_PHASE_ANSWERING, /* the owner has answered, libmicrohttpd takes the answer at its next run */
  MKT_PHASE_DOOMED     /* the socket is shut down, libmicrohttpd will notice */
} mkt_phase;

enum { MKT_TIMED_PHASES = MKT_PHASE_CLOSING + 1, MKT_REMOTE_BYTES = 46 };

typedef struct mkt_connection {
  struct mkt_connection *previous, *next; /* in the list of its phase, or next in the free list */
  mkt_phase phase;
  uint64_t since;    /* when it entered its phase */
  uint64_t deadline; /* when it is thrown out of it, if the phase is timed */
  int fd;            /* libmicrohttpd's */
  struct MHD_Connection *mhd;
  mkt_request *request;                /* the one being received or awaiting its answer */
  struct mkt_certificate *certificate; /* of its TLS session */
  struct MHD_Response *response; /* while MKT_PHASE_ANSWERING; owned, or the server's empty one */
  unsigned status;
  bool suspended;     /* in libmicrohttpd */
  const char *target; /* of the request line, in libmicrohttpd's memory; NULL if unsound */
  size_t target_length;
  bool is_in_pieces;             /* the response */
  bool gives_way;                /* its request is of a route */
  bool is_last;                  /* request: whatever follows it is never read as another one */
  bool may_close;                /* libmicrohttpd, after the answer, by itself */
  char remote[MKT_REMOTE_BYTES]; /* the peer's numeric address */
} mkt_connection;

typedef struct mkt_connection_list {
  mkt_connection *first, *last;
} mkt_connection_list;

/* All memory is taken at the start: accepting a connection cannot fail for want of it. */
typedef struct mkt_connections {
  mkt_connection *all;
  mkt_connection *unused;
  size_t kept;       /* neither free nor doomed */
  size_t engaged;    /* that send a body, or whose request awaits the owner */
  size_t giving_way; /* of those, the ones that give way */
  mkt_connection_list timed[MKT_TIMED_PHASES]; /* each in the order of deadlines */
} mkt_connections;

/* False when memory is short. */
bool mkt_connections_init(mkt_connections *connections, size_t capacity);
void mkt_connections_free(mkt_connections *connections);

/* Never NULL while fewer than `capacity` are in use. It enters no phase yet. */
mkt_connection *mkt_connections_add(mkt_connections *connections);
void mkt_connections_remove(mkt_connections *connections, mkt_connection *connection);

/* Changes the phase; the deadline is ignored if the phase has none. */
void mkt_connection_enter(mkt_connections *connections, mkt_connection *connection, mkt_phase phase,
                          uint64_t now, uint64_t deadline);

/* Shuts the socket down: libmicrohttpd closes the connection at its next run. */
void mkt_connection_doom(mkt_connections *connections, mkt_connection *connection);

/* Whether it has not been in its phase for long. */
bool mkt_connection_is_new(const mkt_connection *connection, uint64_t now);

/* The connection that a newcomer may replace, or NULL: one that has its answer before one that is
 * new. Never one whose request awaits its answer.
 */
mkt_connection *mkt_connections_victim(const mkt_connections *connections, uint64_t now);

/* One whose body has been on its way for long, or NULL: rather one that gives way. */
mkt_connection *mkt_connections_slow_body(const mkt_connections *connections, uint64_t now);

/* One that gives way and whose body is on its way, or NULL: of those that have been so for long, or
 * of all. */
mkt_connection *mkt_connections_body_giving_way(const mkt_connections *connections, uint64_t now,
                                                bool is_slow);

/* The one with the largest incomplete body, of several the oldest; NULL if all are empty. Of those
 * that give way, or of the others. */
mkt_connection *mkt_connections_largest(const mkt_connections *connections, bool gives_way);

/* Until when a body may take that has so many bytes so far: at most until `timeout` after the
 * headers, and until then as long as it comes at a least rate. */
uint64_t mkt_connection_body_deadline(const mkt_connection *connection, size_t received,
                                      uint64_t timeout);

/* One whose deadline has passed, or NULL. */
mkt_connection *mkt_connections_expired(const mkt_connections *connections, uint64_t now);

/* The earliest deadline, UINT64_MAX when there is none. */
uint64_t mkt_connections_deadline(const mkt_connections *connections);

#endif
