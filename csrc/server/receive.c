#include "server/receive.h"

#include "core/clock.h"
#include "server/handover.h"
#include "server/head.h"
#include "server/refusal.h"
#include "server/refuse.h"
#include "server/reply.h"
#include "server/room.h"
#include "server/send.h"

#include <string.h>

/* Copying the headers */

typedef struct copy {
  mkt_request *request;
  mkt_head head;
  bool has_room; /* memory was enough */
} copy;

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_length, const char *value, size_t value_length) {
  (void)kind;
  copy *to = cls;
  char lowered[MKT_FIELD_NAME_MOST];
  if (!mkt_head_lower_name(lowered, name, name_length)) {
    to->head.is_malformed = true;
    return MHD_YES;
  }
  value_length = mkt_head_trimmed(value, value_length);
  mkt_head_add(&to->head, lowered, name_length, value, value_length);
  to->has_room = mkt_request_add_header(to->request, lowered, name_length, value, value_length);
  return to->has_room ? MHD_YES : MHD_NO;
}

static copy copy_headers(const mkt_connection *connection) {
  copy to = {.request = connection->request, .has_room = true};
  mkt_request_begin_headers(connection->request);
  (void)MHD_get_connection_values_n(connection->mhd, MHD_HEADER_KIND, copy_header, &to);
  return to;
}

static bool is_silent(const mkt_connection *connection) {
  return connection->phase == MKT_PHASE_FRESH || connection->phase == MKT_PHASE_IDLE;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* libmicrohttpd changes what it points to once this callback is over. */
static void note_target(mkt_connection *connection, const char *uri) {
  connection->target_length = strlen(uri);
  connection->target = mkt_head_is_target(uri, connection->target_length) ? uri : NULL;
}

static void note_route(const mkt_server *server, mkt_connection *connection) {
  mkt_request *request = connection->request;
  const mkt_route *route = mkt_route_of(server, request);
  mkt_request_set_route(request, route, route != NULL ? route->max_body : server->max_body);
  connection->gives_way = route != NULL;
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
  mkt_request *request = mkt_requests_add(&server->requests);
  if (request == NULL) return connection;
  request->connection = connection;
  connection->request = request;
  note_target(connection, uri);
  if (mkt_request_set_line(request, uri, connection->remote)) {
    note_route(server, connection);
  } else {
    mkt_abandon(server, connection);
  }
  return connection;
}

static void await_owner(mkt_server *server, mkt_connection *connection) {
  const mkt_request *request = connection->request;
  bool is_readable = request->fault != MKT_FAULT_MALFORMED;
  if (!is_readable || !mkt_health_is_ready_asked(&server->health, request)) {
    mkt_connection_enter(&server->connections, connection, MKT_PHASE_WAITING, 0, 0);
    return;
  }
  const uint64_t now = mkt_clock_milliseconds();
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_PROBING, now,
                       now + MKT_READY_TIME);
}

static void hand_over(mkt_server *server, mkt_connection *connection) {
  mkt_hand_over(server, connection->request);
  await_owner(server, connection);
}

static void suspend(mkt_connection *connection) {
  connection->suspended = true;
  MHD_suspend_connection(connection->mhd);
}

void mkt_receive_resume(mkt_connection *connection) {
  if (!connection->suspended) return;
  connection->suspended = false;
  MHD_resume_connection(connection->mhd);
}

static void hand_over_fault(mkt_server *server, mkt_connection *connection, mkt_fault fault) {
  mkt_request *request = connection->request;
  request->fault = fault;
  mkt_requests_discard_body(&server->requests, request);
  hand_over(server, connection);
}

static void refuse(mkt_server *server, mkt_connection *connection, mkt_fault fault) {
  hand_over_fault(server, connection, fault);
  suspend(connection);
}

/* Whether the request line is what libmicrohttpd says that it is, with a byte between its parts. */
static bool has_sound_line(const mkt_connection *connection, const char *method,
                           const char *version) {
  const char *target = connection->target;
  const size_t length = strlen(method);
  return target != NULL && mkt_head_is_token(method, length) && method + length + 1 == target &&
         target + connection->target_length + 1 == version &&
         (strcmp(version, "HTTP/1.1") == 0 || strcmp(version, "HTTP/1.0") == 0);
}

static bool has_whole_head(const mkt_server *server, const mkt_connection *connection,
                           const char *method) {
  if (server->is_parser_strict) return true;
  const union MHD_ConnectionInfo *size =
      MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  return size != NULL && mkt_head_is_whole(method, size->header_size, connection->target_length);
}

static bool has_unwanted_body(const mkt_server *server, const mkt_request *request,
                              const mkt_head *head) {
  bool has_body = head->length > 0 || head->transfer_encodings > 0;
  return has_body && !mkt_refusal_is_body_wanted(server, request);
}

static mkt_fault judge(const mkt_server *server, const mkt_connection *connection,
                       const mkt_head *head, const char *method, const char *version) {
  if (!has_sound_line(connection, method, version) || !has_whole_head(server, connection, method)) {
    return MKT_FAULT_MALFORMED;
  }
  mkt_fault fault = mkt_head_judge(head, method, strcmp(version, "HTTP/1.0") == 0);
  if (fault != MKT_FAULT_NONE) return fault;
  if (head->length > connection->request->body.maximum) return MKT_FAULT_TOO_LARGE;
  return has_unwanted_body(server, connection->request, head) ? MKT_FAULT_UNREAD : MKT_FAULT_NONE;
}

/* What follows chunks is never read as a request: libmicrohttpd 0.9 takes line feeds without CR
 * between chunks, anything in their extensions, and a trailer that ends where another ends not. */
static void note_end(mkt_connection *connection, const mkt_head *head, const char *version) {
  connection->is_last = head->transfer_encodings > 0;
  connection->may_close =
      connection->is_last || head->may_close || strcmp(version, "HTTP/1.0") == 0;
}

/* Since `since`, and more of it has come or is to come. */
static void await_body(mkt_server *server, mkt_connection *connection, uint64_t since) {
  connection->since = since;
  const uint64_t deadline =
      mkt_connection_body_deadline(connection, connection->request->counted, server->body_timeout);
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_BODY, since, deadline);
}

/* Whether the process lives is said also to who sends a body with that, which is not received. */
static bool is_live_asked_beside(const mkt_server *server, const mkt_request *request,
                                 mkt_fault fault) {
  bool is_only_unread = fault == MKT_FAULT_UNREAD || fault == MKT_FAULT_TOO_LARGE;
  return is_only_unread && mkt_health_is_live_asked(&server->health, request);
}

static enum MHD_Result say_that_it_lives(mkt_server *server, mkt_connection *connection,
                                         mkt_fault fault) {
  mkt_abandon(server, connection);
  (void)mkt_reply(server, connection, fault,
                  server->draining ? &mkt_health_stopping : &mkt_health_ok);
  return MHD_NO;
}

/* What is refused anyway takes no room, once it is. */
static bool lacks_room(mkt_server *server, const mkt_request *request) {
  if (request->route != NULL) return !mkt_room_for_route(server);
  if (server->path == NULL || !mkt_room_is_short(server)) return false;
  if (!mkt_refusal_is_wanted(server, request)) return false;
  if (server->is_owner_away) mkt_refuse_ready(server);
  return mkt_room_is_short(server) && !mkt_room_to_wait(server);
}

static enum MHD_Result on_headers(mkt_server *server, mkt_connection *connection,
                                  const char *method, const char *version) {
  mkt_request *request = connection->request;
  if (request == NULL || !mkt_request_set_method(request, method)) return MHD_NO;
  const copy copied = copy_headers(connection);
  if (!copied.has_room) return MHD_NO;
  mkt_fault fault = judge(server, connection, &copied.head, method, version);
  if (is_live_asked_beside(server, request, fault)) {
    return say_that_it_lives(server, connection, fault);
  }
  if (fault != MKT_FAULT_NONE) {
    refuse(server, connection, fault);
    return MHD_YES;
  }
  note_end(connection, &copied.head, version);
  await_body(server, connection, mkt_clock_milliseconds());
  if (lacks_room(server, request)) refuse(server, connection, MKT_FAULT_OVERLOADED);
  return MHD_YES;
}

/* libmicrohttpd 0.9 says what it refuses a request for to nobody but its log, and if it finds that
 * once it has the whole head, for a length that is no number, it sends the head of its answer
 * twice. So its log is listened to: of all connections whose head is awaited, only the one that it
 * speaks of has a whole one. It is suspended before that answer can be sent, and gets its owner's.
 */
void mkt_receive_log(void *cls, const char *format, va_list arguments) {
  mkt_server *server = cls;
  mkt_connection *connection = server->connections.timed[MKT_PHASE_HEADERS].first;
  (void)format;
  (void)arguments;
  while (connection != NULL &&
         MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) == NULL)
    connection = connection->next;
  if (connection == NULL || connection->request == NULL) return;
  const copy copied = copy_headers(connection);
  bool is_too_long =
      !copied.head.is_malformed && copied.head.length > connection->request->body.maximum;
  refuse(server, connection, is_too_long ? MKT_FAULT_TOO_LARGE : MKT_FAULT_MALFORMED);
}

static bool fits(size_t most, size_t used, size_t size) {
  return size <= most && used <= most - size;
}

static bool has_room(const mkt_server *server, const mkt_request *request, size_t size) {
  const mkt_requests *requests = &server->requests;
  const size_t of_routes = server->max_buffered / 2;
  if (request->route != NULL && !fits(of_routes, requests->buffered_of_routes, size)) return false;
  return fits(server->max_buffered, requests->buffered, size);
}

/* The largest body that is complete and that the owner has not seen yet: of routes, or not. */
static mkt_request *largest_ready(const mkt_server *server, bool is_of_route) {
  mkt_request *largest = NULL;
  for (mkt_request *request = server->ready.first; request != NULL; request = request->next) {
    if ((request->route != NULL) != is_of_route) continue;
    if (request->counted > (largest != NULL ? largest->counted : 0)) largest = request;
  }
  return largest;
}

/* Whether one of more than so many bytes was found, of a route or not, and given up. An incomplete
 * one goes before one that is complete. */
static bool give_up_one_larger_than(mkt_server *server, size_t size, bool is_of_route) {
  mkt_connection *connection = mkt_connections_largest(&server->connections, is_of_route);
  if (connection != NULL && connection->request->counted > size) {
    hand_over_fault(server, connection, MKT_FAULT_OVERLOADED);
    return true;
  }
  mkt_request *request = largest_ready(server, is_of_route);
  if (request == NULL || request->counted <= size) return false;
  request->fault = MKT_FAULT_OVERLOADED;
  mkt_requests_discard_body(&server->requests, request);
  server->ready.judged = NULL;
  return true;
}

/* A notification's place is any route's; otherwise what is larger gives way, and as notifications
 * are small it is not their senders who pay. */
static bool make_room(mkt_server *server, const mkt_request *request, size_t size) {
  const bool is_of_route = request->route != NULL;
  if (!is_of_route && give_up_one_larger_than(server, 0, true)) return true;
  return give_up_one_larger_than(server, request->counted + size, is_of_route);
}

static mkt_fault append_body(mkt_server *server, mkt_request *request, const char *data,
                             size_t size) {
  mkt_requests *requests = &server->requests;
  if (size > request->body.maximum - request->body.n) return MKT_FAULT_TOO_LARGE;
  while (!has_room(server, request, size) && make_room(server, request, size)) {
  }
  if (!has_room(server, request, size)) return MKT_FAULT_OVERLOADED;
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
    await_body(server, connection, connection->since);
    return MHD_YES;
  }
  refuse(server, connection, fault);
  return MHD_YES;
}

void mkt_receive_idle(mkt_server *server, mkt_connection *connection) {
  const uint64_t now = mkt_clock_milliseconds();
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_IDLE, now,
                       now + server->idle_timeout);
}

static enum MHD_Result on_complete(mkt_server *server, mkt_connection *connection) {
  const mkt_health *health = &server->health;
  if (!mkt_health_is_live_asked(health, connection->request)) {
    hand_over(server, connection);
    return MHD_YES;
  }
  mkt_abandon(server, connection);
  mkt_receive_idle(server, connection);
  if (server->draining) {
    return MHD_queue_response(connection->mhd, MHD_HTTP_SERVICE_UNAVAILABLE, health->stopping);
  }
  return MHD_queue_response(connection->mhd, MHD_HTTP_OK,
                            connection->is_last ? health->last_ok : health->ok);
}

static enum MHD_Result on_waiting(const mkt_server *server, mkt_connection *connection,
                                  bool has_data) {
  if (has_data || connection->request->taken || server->is_owner_away) suspend(connection);
  return MHD_YES;
}

static enum MHD_Result on_answered(mkt_server *server, mkt_connection *connection) {
  struct MHD_Response *response = connection->response;
  connection->response = NULL;
  if (connection->is_in_pieces) {
    mkt_send_begin(server, connection);
  } else {
    mkt_receive_idle(server, connection);
  }
  enum MHD_Result queued = MHD_queue_response(connection->mhd, connection->status, response);
  mkt_drop_response(server, response);
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
    return *size > 0 ? on_data(cls, connection, data, size) : on_complete(cls, connection);
  case MKT_PHASE_PROBING:
  case MKT_PHASE_WAITING:
    return on_waiting(cls, connection, *size > 0);
  case MKT_PHASE_ANSWERING:
    return on_answered(cls, connection);
  case MKT_PHASE_FRESH:
  case MKT_PHASE_IDLE:
  case MKT_PHASE_SENDING:
  case MKT_PHASE_PAUSED:
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
    } else if (late->phase == MKT_PHASE_PROBING) {
      mkt_reply_late(server, late);
    } else if (late->phase == MKT_PHASE_PAUSED) {
      mkt_send_go_on(server, late);
    } else {
      mkt_connection_doom(&server->connections, late);
    }
  }
}
