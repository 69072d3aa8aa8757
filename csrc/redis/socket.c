#include "redis/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Of a peer that is gone: seconds until it is asked, between questions, and how many; and
 * milliseconds that what was sent may go without an acknowledgement. */
enum { IDLE = 10, INTERVAL = 5, QUESTIONS = 3, UNACKNOWLEDGED = 10000 };

static mkt_code fail(int why, mkt_error *error) {
  return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "%s", strerror(why));
}

static void set(int socket, int level, int name, int value) {
  (void)setsockopt(socket, level, name, &value, sizeof value);
}

static void set_tcp_options(int socket) {
  set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, IDLE);
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, INTERVAL);
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, QUESTIONS);
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED);
}

static mkt_code finish_connecting(int socket, mkt_redis_deadline deadline, mkt_error *error) {
  mkt_code code = mkt_redis_wait(socket, POLLOUT, deadline, error);
  if (code != MKT_OK) return code;
  int why = 0;
  socklen_t size = sizeof why;
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &why, &size) != 0) why = errno;
  return why == 0 ? MKT_OK : fail(why, error);
}

mkt_code mkt_redis_socket_connect(int *out, const struct sockaddr *address, socklen_t size,
                                  mkt_redis_deadline deadline, mkt_error *error) {
  int made = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return fail(errno, error);
  if (address->sa_family != AF_UNIX) set_tcp_options(made);
  mkt_code code = MKT_OK;
  if (connect(made, address, size) != 0) {
    bool is_under_way = errno == EINPROGRESS || errno == EINTR;
    code = is_under_way ? finish_connecting(made, deadline, error) : fail(errno, error);
  }
  if (code == MKT_OK) {
    *out = made;
  } else {
    (void)close(made);
  }
  return code;
}

/* What recv or send said. */
static mkt_code judge(ssize_t n, short events, mkt_redis_progress *progress, mkt_error *error) {
  *progress = (mkt_redis_progress){0};
  if (n > 0) {
    progress->n = (size_t)n;
  } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    progress->events = events;
  } else {
    return fail(errno, error);
  }
  return MKT_OK;
}

mkt_code mkt_redis_socket_send(int socket, const char *p, size_t n, mkt_redis_progress *progress,
                               mkt_error *error) {
  return judge(send(socket, p, n, MSG_NOSIGNAL), POLLOUT, progress, error);
}

mkt_code mkt_redis_socket_receive(int socket, char *out, size_t capacity,
                                  mkt_redis_progress *progress, mkt_error *error) {
  ssize_t n = recv(socket, out, capacity, 0);
  if (n == 0) {
    return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "the server closed the connection");
  }
  return judge(n, POLLIN, progress, error);
}

bool mkt_redis_socket_is_open(int socket) {
  struct pollfd watched = {.fd = socket, .events = POLLIN | POLLRDHUP};
  return poll(&watched, 1, 0) == 0;
}
