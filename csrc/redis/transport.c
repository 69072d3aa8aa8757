#include "redis/transport.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static mkt_code open_at(mkt_redis_transport *transport, const mkt_redis_options *options,
                        const struct sockaddr *address, socklen_t size, mkt_redis_deadline deadline,
                        mkt_error *error) {
  int socket = -1;
  mkt_code code = mkt_redis_socket_connect(&socket, address, size, deadline, error);
  if (code != MKT_OK) return code;
  *transport = (mkt_redis_transport){.is_open = true, .socket = socket};
  if (options->has_tls) {
    code = mkt_redis_tls_open(&transport->tls, socket, options, deadline, error);
  }
  if (code != MKT_OK) mkt_redis_transport_close(transport);
  return code;
}

static mkt_code open_path(mkt_redis_transport *transport, const mkt_redis_options *options,
                          mkt_redis_deadline deadline, mkt_error *error) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t n = strlen(options->path);
  if (n >= sizeof address.sun_path) {
    return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "%s", strerror(ENAMETOOLONG));
  }
  memcpy(address.sun_path, options->path, n);
  return open_at(transport, options, (const struct sockaddr *)&address, sizeof address, deadline,
                 error);
}

static int count(const struct addrinfo *address) {
  int n = 0;
  for (; address != NULL; address = address->ai_next)
    n++;
  return n;
}

mkt_code mkt_redis_transport_open_one_of(mkt_redis_transport *transport,
                                         const mkt_redis_options *options,
                                         const struct addrinfo *addresses,
                                         mkt_redis_deadline deadline, mkt_error *error) {
  mkt_code code = mkt_fail(error, MKT_ERR_CONNECT_FAILED, "the host has no address");
  int left = count(addresses);
  for (const struct addrinfo *a = addresses; a != NULL && code != MKT_OK; a = a->ai_next) {
    mkt_redis_deadline share = mkt_redis_deadline_share(deadline, left--);
    code = open_at(transport, options, a->ai_addr, a->ai_addrlen, share, error);
  }
  return code;
}

mkt_code mkt_redis_transport_open(mkt_redis_transport *transport, const mkt_redis_options *options,
                                  mkt_redis_deadline deadline, mkt_error *error) {
  if (options->path != NULL) return open_path(transport, options, deadline, error);
  const struct addrinfo hints = {
      .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  struct addrinfo *addresses = NULL;
  char port[16];
  (void)snprintf(port, sizeof port, "%d", options->port);
  int problem = getaddrinfo(options->host, port, &hints, &addresses);
  if (problem == EAI_MEMORY) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  if (problem != 0) {
    return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "%s",
                    problem == EAI_SYSTEM ? strerror(errno) : gai_strerror(problem));
  }
  mkt_code code = mkt_redis_transport_open_one_of(transport, options, addresses, deadline, error);
  freeaddrinfo(addresses);
  return code;
}

mkt_code mkt_redis_transport_send(mkt_redis_transport *transport, const char *p, size_t n,
                                  mkt_redis_deadline deadline, mkt_error *error) {
  while (n > 0) {
    mkt_code code = mkt_redis_deadline_check(deadline, error);
    if (code != MKT_OK) return code;
    mkt_redis_progress progress = {0};
    code = transport->tls != NULL
               ? mkt_redis_tls_send(transport->tls, p, n, &progress, error)
               : mkt_redis_socket_send(transport->socket, p, n, &progress, error);
    if (code == MKT_OK && progress.n == 0) {
      code = mkt_redis_wait(transport->socket, progress.events, deadline, error);
    }
    if (code != MKT_OK) return code;
    p += progress.n;
    n -= progress.n;
  }
  return MKT_OK;
}

mkt_code mkt_redis_transport_receive(mkt_redis_transport *transport, char *out, size_t capacity,
                                     size_t *n, mkt_redis_deadline deadline, mkt_error *error) {
  for (;;) {
    mkt_code code = mkt_redis_deadline_check(deadline, error);
    if (code != MKT_OK) return code;
    mkt_redis_progress progress = {0};
    code = transport->tls != NULL
               ? mkt_redis_tls_receive(transport->tls, out, capacity, &progress, error)
               : mkt_redis_socket_receive(transport->socket, out, capacity, &progress, error);
    *n = progress.n;
    if (code != MKT_OK || progress.n > 0) return code;
    code = mkt_redis_wait(transport->socket, progress.events, deadline, error);
    if (code != MKT_OK) return code;
  }
}

void mkt_redis_transport_close(mkt_redis_transport *transport) {
  if (!transport->is_open) return;
  mkt_redis_tls_close(transport->tls);
  (void)close(transport->socket);
  *transport = (mkt_redis_transport){0};
}
