/* socket.h: a socket that waits for nothing, and is connected. */
#ifndef MKT_REDIS_SOCKET_H
#define MKT_REDIS_SOCKET_H

#include "redis/deadline.h"

#include <stddef.h>
#include <sys/socket.h>

/* How much went through, or else which of poll's events must come before it can. */
typedef struct mkt_redis_progress {
  size_t n;
  short events;
} mkt_redis_progress;

/* Connects to one address. The socket is not inherited by other programs, and notices if a peer by
 * TCP is gone. The caller closes it. MKT_ERR_TIMEOUT, MKT_ERR_CONNECT_FAILED. */
mkt_code mkt_redis_socket_connect(int *out, const struct sockaddr *address, socklen_t size,
                                  mkt_redis_deadline deadline, mkt_error *error);

/* MKT_ERR_CONNECT_FAILED. Neither raises SIGPIPE. */
mkt_code mkt_redis_socket_send(int socket, const char *p, size_t n, mkt_redis_progress *progress,
                               mkt_error *error);
mkt_code mkt_redis_socket_receive(int socket, char *out, size_t capacity,
                                  mkt_redis_progress *progress, mkt_error *error);

/* Whether the peer has neither closed it nor sent what was not received yet. */
bool mkt_redis_socket_is_open(int socket);

#endif
