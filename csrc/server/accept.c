#include "server/accept.h"

#include "core/clock.h"
#include "server/handover.h"
#include "server/receive.h"
#include "server/room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum MHD_Result mkt_accept_admit(void *cls, const struct sockaddr *address, socklen_t size) {
  (void)address;
  (void)size;
  return mkt_room_admit(cls) ? MHD_YES : MHD_NO;
}

/* An IPv4 client of an IPv6 socket (::ffff:192.0.2.1) is shown as the IPv4 client that it is. */
static void print_remote(char remote[MKT_REMOTE_BYTES], const struct sockaddr *address) {
  const void *bytes = NULL;
  int family = address->sa_family;
  if (family == AF_INET) bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
  if (family == AF_INET6) {
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(six);
    bytes = mapped ? &six->s6_addr[12] : six->s6_addr;
    family = mapped ? AF_INET : AF_INET6;
  }
  if (bytes == NULL || inet_ntop(family, bytes, remote, MKT_REMOTE_BYTES) == NULL) remote[0] = '\0';
}

/* The handshake has not begun. */
static void use_newest_certificate(mkt_server *server, mkt_connection *connection) {
  const union MHD_ConnectionInfo *tls =
      MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  if (tls == NULL || server->certificate == NULL) return;
  connection->certificate = mkt_certificate_use(server->certificate);
  (void)gnutls_credentials_set(tls->tls_session, GNUTLS_CRD_CERTIFICATE,
                               connection->certificate->credentials);
}

static mkt_connection *connection_started(mkt_server *server, struct MHD_Connection *mhd) {
  mkt_connection *connection = mkt_connections_add(&server->connections);
  if (connection == NULL) return NULL;
  const uint64_t now = mkt_clock_milliseconds();
  connection->mhd = mhd;
  connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  print_remote(connection->remote,
               MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
  use_newest_certificate(server, connection);
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_FRESH, now,
                       now + server->header_timeout);
  server->stats.accepted++;
  return connection;
}

static bool is_cut_short(const mkt_connection *connection) {
  return connection->phase == MKT_PHASE_HEADERS || connection->phase == MKT_PHASE_BODY ||
         connection->phase == MKT_PHASE_CLOSING;
}

/* Whether libmicrohttpd closes it, and not the peer, while a request line is awaited. In TLS the
 * peer's end is a message that libmicrohttpd has read, so the two cannot be told apart. */
static bool is_given_up(const mkt_server *server, const mkt_connection *connection) {
  char byte = 0;
  bool awaits_line = connection->phase == MKT_PHASE_FRESH ||
                     (connection->phase == MKT_PHASE_IDLE && !connection->may_close);
  if (!awaits_line || server->draining || server->certificate != NULL) return false;
  ssize_t n = recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n > 0 || (n < 0 && errno == EAGAIN);
}

static void report_given_up(mkt_server *server, const mkt_connection *connection) {
  mkt_request *request = mkt_requests_add(&server->requests);
  if (request == NULL) return;
  request->fault = MKT_FAULT_NO_REQUEST;
  if (mkt_request_set_line(request, "", connection->remote)) {
    mkt_hand_over(server, request);
  } else {
    mkt_requests_remove(&server->requests, request);
  }
}

static void connection_closed(mkt_server *server, mkt_connection *connection) {
  if (is_given_up(server, connection)) report_given_up(server, connection);
  if (connection->phase != MKT_PHASE_DOOMED) {
    mkt_linger_adopt(&server->linger, connection->fd, is_cut_short(connection),
                     mkt_clock_milliseconds());
  }
  mkt_abandon(server, connection);
  mkt_drop_response(server, connection->response);
  mkt_certificate_release(connection->certificate);
  mkt_connections_remove(&server->connections, connection);
}

/* What is left of a server that drains is what it was still sending. */
static void end_sending(mkt_server *server, mkt_connection *connection) {
  if (server->draining) {
    mkt_connection_doom(&server->connections, connection);
  } else {
    mkt_receive_idle(server, connection);
  }
}

/* libmicrohttpd has answered a request by itself if it still owns a response to one that it has not
 * handed over as a whole. */
void mkt_accept_completed(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_RequestTerminationCode why) {
  mkt_server *server = cls;
  mkt_connection *connection = *context;
  if (connection == NULL) return;
  if (connection->phase == MKT_PHASE_SENDING && why == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
    end_sending(server, connection);
  }
  if (connection->request == NULL || connection->request->complete) return;
  const union MHD_ConnectionInfo *status =
      MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
  if (status == NULL) return;
  mkt_request *request = connection->request;
  connection->request = NULL;
  request->connection = NULL;
  request->fault = MKT_FAULT_MALFORMED;
  request->answered = status->http_status;
  mkt_requests_discard_body(&server->requests, request);
  mkt_hand_over(server, request);
}

void mkt_accept_notify(void *cls, struct MHD_Connection *mhd, void **context,
                       enum MHD_ConnectionNotificationCode code) {
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    *context = connection_started(cls, mhd);
  } else if (*context != NULL) {
    connection_closed(cls, *context);
    *context = NULL;
  }
}
