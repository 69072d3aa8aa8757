#include "server/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char unix_prefix[] = "unix:";

static bool bind_and_listen(int fd, const struct addrinfo *address) {
  const int on = 1;
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0;
}

/* The socket, or -1 with errno set. */
static int open_one(const struct addrinfo *address) {
  int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind_and_listen(fd, address)) return fd;
  int why = errno;
  (void)close(fd);
  errno = why;
  return -1;
}

static mkt_code fail_to_listen(const char *host, uint16_t port, const char *why, mkt_error *error) {
  const char *format =
      strchr(host, ':') != NULL ? "cannot listen on [%s]:%u: %s" : "cannot listen on %s:%u: %s";
  return mkt_fail(error, MKT_ERR_LISTEN_FAILED, format, host, (unsigned)port, why);
}

/* Unix sockets */

/* Of the file that has its name: only a socket is taken for one. */
static bool nobody_listens(const struct sockaddr_un *address) {
  struct stat file;
  if (lstat(address->sun_path, &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  bool refused =
      connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
  (void)close(fd);
  return refused;
}

static bool bind_unix(int fd, const struct sockaddr_un *address) {
  const struct sockaddr *any = (const struct sockaddr *)address;
  if (bind(fd, any, sizeof *address) == 0) return true;
  if (errno != EADDRINUSE) return false;
  if (!nobody_listens(address)) {
    errno = EADDRINUSE;
    return false;
  }
  return unlink(address->sun_path) == 0 && bind(fd, any, sizeof *address) == 0;
}

static mkt_code listen_unix(const char *path, int *fd, mkt_error *error) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const size_t n = strlen(path);
  *fd = -1;
  if (n == 0 || n >= sizeof address.sun_path) {
    return mkt_fail(error, MKT_ERR_LISTEN_FAILED, "the path of a Unix socket has 1 to %zu bytes",
                    sizeof address.sun_path - 1);
  }
  memcpy(address.sun_path, path, n);
  *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (*fd >= 0 && bind_unix(*fd, &address) && listen(*fd, SOMAXCONN) == 0) return MKT_OK;
  int why = errno;
  if (*fd >= 0) (void)close(*fd);
  *fd = -1;
  return mkt_fail(error, MKT_ERR_LISTEN_FAILED, "cannot listen on %.128s: %s", path, strerror(why));
}

/* Addresses */

/* As URLs write an address of IPv6, too: without its brackets. */
static const char *without_brackets(const char *host, char inner[MKT_SERVER_ADDRESS_BYTES]) {
  size_t n = strlen(host);
  bool has_them = n > 2 && n - 2 < MKT_SERVER_ADDRESS_BYTES && host[0] == '[' && host[n - 1] == ']';
  if (!has_them) return host;
  memcpy(inner, host + 1, n - 2);
  inner[n - 2] = '\0';
  return inner;
}

mkt_code mkt_listen(const char *host, uint16_t port, int *fd, mkt_error *error) {
  char inner[MKT_SERVER_ADDRESS_BYTES];
  if (strncmp(host, unix_prefix, strlen(unix_prefix)) == 0) {
    return listen_unix(host + strlen(unix_prefix), fd, error);
  }
  const char *bare = without_brackets(host, inner);
  const struct addrinfo hints = {.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  char service[8];
  struct addrinfo *addresses = NULL;
  (void)snprintf(service, sizeof service, "%u", (unsigned)port);
  int failed = getaddrinfo(bare, service, &hints, &addresses);
  if (failed != 0) return fail_to_listen(bare, port, gai_strerror(failed), error);
  *fd = -1;
  for (const struct addrinfo *one = addresses; one != NULL && *fd < 0; one = one->ai_next) {
    *fd = open_one(one);
  }
  int why = errno;
  freeaddrinfo(addresses);
  return *fd >= 0 ? MKT_OK : fail_to_listen(bare, port, strerror(why), error);
}

mkt_code mkt_listen_address(int fd, char host[MKT_SERVER_ADDRESS_BYTES], uint16_t *port,
                            mkt_error *error) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address = {0};
  socklen_t size = sizeof address;
  bool is_known = getsockname(fd, &address.any, &size) == 0;
  if (is_known && address.any.sa_family == AF_UNIX) {
    memcpy(host, "unix", sizeof "unix");
    *port = 0;
    return MKT_OK;
  }
  if (!is_known || getnameinfo(&address.any, size, host, MKT_SERVER_ADDRESS_BYTES, NULL, 0,
                               NI_NUMERICHOST) != 0) {
    return mkt_fail(error, MKT_ERR_LISTEN_FAILED, "the socket's address cannot be read");
  }
  *port = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
  return MKT_OK;
}

mkt_code mkt_listen_make_room(size_t needed, mkt_error *error) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return MKT_OK;
  struct rlimit raised = {.rlim_cur = needed, .rlim_max = limit.rlim_max};
  if (needed <= limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0) return MKT_OK;
  return mkt_fail(error, MKT_ERR_LISTEN_FAILED,
                  "max_connections needs %zu open files, and this process may have %llu", needed,
                  (unsigned long long)limit.rlim_max);
}
