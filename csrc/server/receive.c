#include "server/receive.h"

#include "core/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* What the headers say about where the request ends. */
typedef struct framing {
  mkt_request *request;
  size_t content_lengths, transfer_encodings, hosts;
  unsigned long long declared;
  bool sound;    /* nothing that two readers could read differently */
  bool has_room; /* memory was enough */
} framing;

static bool is_name(const char *name, const char *p, size_t n) {
  return strlen(name) == n && memcmp(name, p, n) == 0;
}

/* The lower-case form of the characters that a header's name can have, 0 for the others. */
static char lower_token(unsigned char c) {
  if (c >= 'A' && c <= 'Z') return (char)(c + ('a' - 'A'));
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return (char)c;
  return strchr("!#$%&'*+-.^_`|~", c) != NULL ? (char)c : '\0';
}

enum { NAME_MOST = 256 };

static bool lower_name(char lowered[NAME_MOST], const char *name, size_t n) {
  if (n == 0 || n > NAME_MOST) return false;
  for (size_t i = 0; i < n; i++) {
    lowered[i] = lower_token((unsigned char)name[i]);
    if (lowered[i] == '\0') return false;
  }
  return true;
}

static size_t without_trailing_space(const char *p, size_t n) {
  while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
    n--;
  return n;
}

/* libmicrohttpd has refused a value that is not a number of at most 64 bits, if it is the one
 * that counts. */
static unsigned long long number(const char *p, size_t n) {
  unsigned long long value = 0;
  for (size_t i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
    value = value * 10 + (unsigned long long)(p[i] - '0');
  }
  return value;
}

static void note_framing(framing *frame, const char *name, size_t name_length, const char *value,
                         size_t value_length) {
  if (is_name("content-length", name, name_length)) {
    frame->content_lengths++;
    frame->declared = number(value, value_length);
  } else if (is_name("transfer-encoding", name, name_length)) {
    frame->transfer_encodings++;
    if (value_length != 7 || strncasecmp(value, "chunked", 7) != 0) frame->sound = false;
  } else if (is_name("host", name, name_length)) {
    frame->hosts++;
  }
}

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_length, const char *value, size_t value_length) {
  (void)kind;
  framing *frame = cls;
  char lowered[NAME_MOST];
  if (!lower_name(lowered, name, name_length)) {
    frame->sound = false;
    return MHD_NO;
  }
  note_framing(frame, lowered, name_length, value, value_length);
  value_length = without_trailing_space(value, value_length);
  frame->has_room =
      mkt_request_add_header(frame->request, lowered, name_length, value, value_length);
  return frame->has_room ? MHD_YES : MHD_NO;
}

/* RFC 9112, 6.3: what libmicrohttpd 0.9.75 reads one way and a proxy before it may read another.
 * libmicrohttpd takes the first of two lengths, prefers chunks to a length, and takes any other
 * transfer coding for a body without end. */
static bool is_sound(const framing *frame, const char *version) {
  bool chunked = frame->transfer_encodings > 0;
  return frame->sound && frame->content_lengths + frame->transfer_encodings <= 1 &&
         frame->hosts <= 1 && !(chunked && strcmp(version, "HTTP/1.0") == 0);
}

/* Connections */

enum MHD_Result mkt_receive_admit(void *cls, const struct sockaddr *address, socklen_t size) {
  mkt_server *server = cls;
  (void)address;
  (void)size;
  if (server->connections.kept < server->max_connections) return MHD_YES;
  mkt_connection *victim = mkt_connections_victim(&server->connections, mkt_clock_milliseconds());
  if (victim == NULL) {
    server->stats.refused++;
    return MHD_NO;
  }
  mkt_connection_doom(&server->connections, victim);
  server->stats.evicted++;
  return MHD_YES;
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

static mkt_connection *connection_started(mkt_server *server, struct MHD_Connection *mhd) {
  mkt_connection *connection = mkt_connections_add(&server->connections);
  if (connection == NULL) return NULL;
  const uint64_t now = mkt_clock_milliseconds();
  connection->mhd = mhd;
  connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  print_remote(connection->remote,
               MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_FRESH, now,
                       now + server->header_timeout);
  server->stats.accepted++;
  return connection;
}

static bool is_cut_short(const mkt_connection *connection) {
  return connection->phase == MKT_PHASE_HEADERS || connection->phase == MKT_PHASE_BODY ||
         connection->phase == MKT_PHASE_CLOSING;
}

/* A complete request stays for its owner, an incomplete one goes with its connection. */
static void abandon_request(mkt_server *server, mkt_connection *connection) {
  mkt_request *request = connection->request;
  if (request == NULL) return;
  connection->request = NULL;
  request->connection = NULL;
  if (!request->complete) mkt_requests_remove(&server->requests, request);
}

/* The server keeps the empty response for the next ones. */
static void drop_response(const mkt_server *server, struct MHD_Response *response) {
  if (response != NULL && response != server->nothing) MHD_destroy_response(response);
}

static void connection_closed(mkt_server *server, mkt_connection *connection) {
  if (connection->phase != MKT_PHASE_DOOMED) {
    mkt_linger_adopt(&server->linger, connection->fd, is_cut_short(connection),
                     mkt_clock_milliseconds());
  }
  abandon_request(server, connection);
  drop_response(server, connection->response);
  mkt_connections_remove(&server->connections, connection);
}

void mkt_receive_connection(void *cls, struct MHD_Connection *mhd, void **context,
                            enum MHD_ConnectionNotificationCode code) {
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    *context = connection_started(cls, mhd);
  } else if (*context != NULL) {
    connection_closed(cls, *context);
    *context = NULL;
  }
}

/* Requests */

static bool is_silent(const mkt_connection *connection) {
  return connection->phase == MKT_PHASE_FRESH || connection->phase == MKT_PHASE_IDLE;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* The deadline that the connection has for its first request, or for its next one, still holds. */
void *mkt_receive_line(void *cls, const char *uri, struct MHD_Connection *mhd) {
  mkt_server *server = cls;
  mkt_connection *connection =
      MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
  if (connection == NULL || !is_silent(connection)) return connection;
  const uint64_t now = mkt_clock_milliseconds();
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_HEADERS, now,
                       earlier(connection->deadline, now + server->header_timeout));
  mkt_request *request = mkt_requests_add(&server->requests, server->max_body);
  if (request == NULL) return connection;
  request->connection = connection;
  connection->request = request;
  if (!mkt_request_set_line(request, uri, connection->remote)) abandon_request(server, connection);
  return connection;
}

static void hand_over(mkt_server *server, mkt_connection *connection) {
  mkt_request *request = connection->request;
  request->complete = true;
  if (server->ready.last != NULL) server->ready.last->next = request;
  if (server->ready.first == NULL) server->ready.first = request;
  server->ready.last = request;
  server->ready.count++;
  server->stats.waiting++;
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_WAITING, 0, 0);
}

static void suspend(mkt_connection *connection) {
  connection->suspended = true;
  MHD_suspend_connection(connection->mhd);
}

static void hand_over_fault(mkt_server *server, mkt_connection *connection, mkt_fault fault) {
  mkt_request *request = connection->request;
  request->fault = fault;
  mkt_requests_discard_body(&server->requests, request);
  hand_over(server, connection);
}

/* libmicrohttpd takes a response before the body, and closes the connection behind it. */
static enum MHD_Result refuse(mkt_server *server, mkt_connection *connection) {
  const uint64_t now = mkt_clock_milliseconds();
  abandon_request(server, connection);
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_CLOSING, now,
                       now + MKT_LINGER_TIME);
  return MHD_queue_response(connection->mhd, MHD_HTTP_BAD_REQUEST, server->bad_request);
}

static enum MHD_Result on_headers(mkt_server *server, mkt_connection *connection,
                                  const char *method, const char *version) {
  mkt_request *request = connection->request;
  if (request == NULL || !mkt_request_set_method(request, method)) return MHD_NO;
  framing frame = {.request = request, .sound = true, .has_room = true};
  mkt_request_begin_headers(request);
  (void)MHD_get_connection_values_n(connection->mhd, MHD_HEADER_KIND, copy_header, &frame);
  if (!frame.has_room) return MHD_NO;
  if (!is_sound(&frame, version)) return refuse(server, connection);
  if (frame.declared > server->max_body) {
    hand_over_fault(server, connection, MKT_FAULT_TOO_LARGE);
    suspend(connection);
    return MHD_YES;
  }
  const uint64_t now = mkt_clock_milliseconds();
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_BODY, now,
                       now + server->body_timeout);
  return MHD_YES;
}

static mkt_fault append_body(mkt_server *server, mkt_request *request, const char *data,
                             size_t size) {
  mkt_requests *requests = &server->requests;
  if (size > server->max_body - request->body.n) return MKT_FAULT_TOO_LARGE;
  if (size > server->max_buffered - requests->buffered) return MKT_FAULT_OVERLOADED;
  bool is_added = mkt_requests_add_body(requests, request, data, size) == MKT_OK;
  return is_added ? MKT_FAULT_NONE : MKT_FAULT_OVERLOADED;
}

/* With a fault the bytes stay with libmicrohttpd: they make it call again as soon as the connection
 * is resumed, and then it is told to close. */
static enum MHD_Result on_data(mkt_server *server, mkt_connection *connection, const char *data,
                               size_t *size) {
  mkt_fault fault = append_body(server, connection->request, data, *size);
  if (fault == MKT_FAULT_NONE) {
    *size = 0;
    return MHD_YES;
  }
  hand_over_fault(server, connection, fault);
  suspend(connection);
  return MHD_YES;
}

static enum MHD_Result on_waiting(const mkt_server *server, mkt_connection *connection,
                                  bool has_data) {
  if (has_data || connection->request->taken || server->is_owner_away) suspend(connection);
  return MHD_YES;
}

static enum MHD_Result on_answered(mkt_server *server, mkt_connection *connection) {
  const uint64_t now = mkt_clock_milliseconds();
  struct MHD_Response *response = connection->response;
  connection->response = NULL;
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_IDLE, now,
                       now + server->idle_timeout);
  enum MHD_Result queued = MHD_queue_response(connection->mhd, connection->status, response);
  drop_response(server, response);
  return queued;
}

/* The first call for a request has no data and comes before the body, the last has none either. */
enum MHD_Result mkt_receive(void *cls, struct MHD_Connection *mhd, const char *url,
                            const char *method, const char *version, const char *data, size_t *size,
                            void **context) {
  mkt_connection *connection = *context;
  (void)mhd;
  (void)url;
  if (connection == NULL) return MHD_NO;
  switch (connection->phase) {
  case MKT_PHASE_HEADERS:
    return on_headers(cls, connection, method, version);
  case MKT_PHASE_BODY:
    if (*size > 0) return on_data(cls, connection, data, size);
    hand_over(cls, connection);
    return MHD_YES;
  case MKT_PHASE_WAITING:
    return on_waiting(cls, connection, *size > 0);
  case MKT_PHASE_ANSWERING:
    return on_answered(cls, connection);
  case MKT_PHASE_FRESH:
  case MKT_PHASE_IDLE:
  case MKT_PHASE_CLOSING:
  case MKT_PHASE_DOOMED:
    break;
  }
  return MHD_NO;
}

void mkt_receive_expire(mkt_server *server, uint64_t now) {
  mkt_connection *late = NULL;
  while ((late = mkt_connections_expired(&server->connections, now)) != NULL) {
    if (late->phase == MKT_PHASE_BODY) {
      hand_over_fault(server, late, MKT_FAULT_TIMEOUT);
    } else {
      mkt_connection_doom(&server->connections, late);
    }
  }
}
