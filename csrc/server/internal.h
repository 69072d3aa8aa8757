/* internal.h: the server's own struct. server.c opens, hands out and answers; run.c runs the
 * sockets, for server.c or for front.c; accept.c and receive.c take in what comes. Who touches what
 * is not fixed at the start has the turn (front.h). */
#ifndef MKT_SERVER_INTERNAL_H
#define MKT_SERVER_INTERNAL_H

#include "server/connection.h"
#include "server/front.h"
#include "server/health.h"
#include "server/linger.h"
#include "server/request.h"
#include "server/route.h"
#include "server/server.h"
#include "server/tls.h"

#include <sys/types.h>

typedef struct mkt_ready {
  mkt_request *first, *last;
  size_t count;
  mkt_request *judged; /* the last one that the front has judged; NULL: it begins with the first */
  size_t refused;      /* how many of them the front has refused */
  size_t of_kind[MKT_REFUSALS]; /* by why it has; those of routes apart */
  size_t of_routes[MKT_REFUSALS];
} mkt_ready;

struct mkt_server {
  struct MHD_Daemon *daemon;
  struct MHD_Response *nothing; /* the commonest answer: no headers, no body */
  mkt_health health;
  mkt_connections connections;
  mkt_requests requests;
  mkt_ready ready; /* complete or faulty, for the owner's next poll */
  mkt_ready batch; /* what the last poll handed out: the owner's own, also without the turn */
  mkt_linger linger;
  mkt_server_stats stats; /* but for what the tables of connections and requests count */
  mkt_refused refused;
  char *path; /* of notifications, or NULL */
  mkt_routes routes;
  size_t max_body;
  size_t max_buffered;
  size_t max_connections;
  uint64_t header_timeout, body_timeout, idle_timeout;
  int epoll_fd; /* libmicrohttpd's */
  pid_t owner;  /* the process that opened it */
  uint16_t port;
  char host[MKT_SERVER_ADDRESS_BYTES];
  bool draining;
  bool is_owner_away; /* in the front's turn */
  bool has_replied;   /* and libmicrohttpd has not run since, nor says anywhere that it has to */
  mkt_front front;
  mkt_certificate *certificate; /* for new connections; NULL without TLS */
  bool is_parser_strict;        /* libmicrohttpd's, from 1.0 on */
};

#endif
