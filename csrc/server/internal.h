/* internal.h: the server's own struct. server.c opens, runs and answers, and calls receive.c,
 * which takes in what comes and calls neither server.c nor the owner. */
#ifndef MKT_SERVER_INTERNAL_H
#define MKT_SERVER_INTERNAL_H

#include "server/connection.h"
#include "server/linger.h"
#include "server/request.h"
#include "server/server.h"

#include <sys/types.h>

typedef struct mkt_ready {
  mkt_request *first, *last;
  size_t count;
} mkt_ready;

struct mkt_server {
  struct MHD_Daemon *daemon;
  struct MHD_Response *nothing;     /* the commonest answer: no headers, no body */
  struct MHD_Response *bad_request; /* ends its connection */
  mkt_connections connections;
  mkt_requests requests;
  mkt_ready ready;
  mkt_linger linger;
  mkt_server_stats stats; /* but for what the tables of connections and requests count */
  size_t max_body;
  size_t max_buffered;
  size_t max_connections;
  uint64_t header_timeout, body_timeout, idle_timeout;
  int epoll_fd; /* libmicrohttpd's */
  pid_t owner;  /* the process that opened it */
  uint16_t port;
  char host[MKT_SERVER_ADDRESS_BYTES];
  bool draining;
};

#endif
