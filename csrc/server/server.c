#include "core/alloc.h"
#include "server/accept.h"
#include "server/answer.h"
#include "server/handover.h"
#include "server/listen.h"
#include "server/receive.h"
#include "server/reply.h"
#include "server/run.h"
#include "server/send.h"
#include "server/tls.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* libmicrohttpd stops accepting at its own limit. It must not get there: a connection that makes
 * room is gone only at the next run, and one run accepts at most 11. */
enum { SLACK = MKT_SERVER_BEYOND + 64, OTHER_FILES = 64 };

/* Opening */

/* The path is handed out as it was sent. */
static size_t unescape_nothing(void *cls, struct MHD_Connection *mhd, char *text) {
  (void)cls;
  (void)mhd;
  return strlen(text);
}

static mkt_server *new_server(const mkt_server_options *options) {
  mkt_server *server = mkt_alloc_zero(sizeof *server);
  if (server == NULL) return NULL;
  server->max_body = options->max_body;
  server->max_buffered = options->max_buffered;
  server->max_connections = options->max_connections;
  server->header_timeout = options->header_timeout;
  server->body_timeout = options->body_timeout;
  server->idle_timeout = options->idle_timeout;
  server->owner = getpid();
  server->is_parser_strict = MHD_get_version()[0] != '0';
  return server;
}

static mkt_code prepare(mkt_server *server, const mkt_server_options *options, mkt_error *error) {
  const mkt_answer nothing = {.status = MHD_HTTP_OK, .body = ""};
  server->nothing = mkt_answer_response(&nothing, false);
  if (server->nothing == NULL || !mkt_alloc_copy(&server->path, options->path) ||
      !mkt_health_init(&server->health, options) || !mkt_routes_init(&server->routes, options) ||
      !mkt_connections_init(&server->connections, server->max_connections + SLACK)) {
    return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  }
  return MKT_OK;
}

static void tls_items(struct MHD_OptionItem items[4], const mkt_server_options *options) {
  items[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
  if (options->tls_cert == NULL) return;
  items[0] =
      (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)options->tls_cert};
  items[1] =
      (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)options->tls_key};
  items[2] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
                                     (void *)(uintptr_t)MKT_TLS_PRIORITIES};
  items[3] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

/* libmicrohttpd 0.9 is not to look for a host, as it answers a request without one with two heads;
 * that it is strict would change little else. From 1.0 on it must be strict, and then needs no
 * listening to its log, which goes nowhere but to mkt_receive_log. Without
 * MHD_OPTION_SIGPIPE_HANDLED_BY_APP it sends only with MSG_NOSIGNAL (GNUTLS_NO_SIGNAL), and leaves
 * the disposition of SIGPIPE alone. */
static struct MHD_Daemon *start(mkt_server *server, const mkt_server_options *options, int fd) {
  struct MHD_OptionItem tls[4];
  tls_items(tls, options);
  unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
  if (options->tls_cert != NULL) flags |= MHD_USE_TLS;
  if (!server->is_parser_strict) flags |= MHD_USE_ERROR_LOG;
  return MHD_start_daemon(
      flags, 0, mkt_accept_admit, server, mkt_receive, server, MHD_OPTION_EXTERNAL_LOGGER,
      mkt_receive_log, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
      (unsigned)(options->max_connections + SLACK), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      options->max_header_bytes, MHD_OPTION_NOTIFY_CONNECTION, mkt_accept_notify, server,
      MHD_OPTION_NOTIFY_COMPLETED, mkt_accept_completed, server, MHD_OPTION_URI_LOG_CALLBACK,
      mkt_receive_line, server, MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL,
      MHD_OPTION_STRICT_FOR_CLIENT, server->is_parser_strict ? 1 : 0, MHD_OPTION_ARRAY, tls,
      MHD_OPTION_END);
}

static mkt_code start_on(mkt_server *server, const mkt_server_options *options, int fd,
                         mkt_error *error) {
  mkt_code code = mkt_listen_address(fd, server->host, &server->port, error);
  if (code != MKT_OK) return code;
  server->daemon = start(server, options, fd);
  if (server->daemon == NULL) {
    return mkt_fail(error, MKT_ERR_LISTEN_FAILED, "libmicrohttpd cannot start: %s",
                    strerror(errno));
  }
  server->epoll_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  return MKT_OK;
}

static mkt_code listen_and_start(mkt_server *server, const mkt_server_options *options,
                                 mkt_error *error) {
  int fd = -1;
  mkt_code code = mkt_listen(options->host, options->port, &fd, error);
  if (code != MKT_OK) return code;
  code = start_on(server, options, fd, error);
  if (code != MKT_OK) (void)close(fd);
  return code;
}

static mkt_code open_server(mkt_server *server, const mkt_server_options *options,
                            mkt_error *error) {
  mkt_code code = MKT_OK;
  if (options->tls_cert != NULL) {
    code = mkt_certificate_open(&server->certificate, options->tls_cert, options->tls_key, error);
    if (code != MKT_OK) return code;
  }
  code =
      mkt_listen_make_room(options->max_connections + SLACK + MKT_LINGER_MOST + OTHER_FILES, error);
  if (code != MKT_OK) return code;
  code = prepare(server, options, error);
  if (code != MKT_OK) return code;
  code = listen_and_start(server, options, error);
  if (code != MKT_OK) return code;
  code = mkt_front_start(server, error);
  if (code != MKT_OK) MHD_stop_daemon(server->daemon);
  return code;
}

static void free_server(mkt_server *server) {
  mkt_linger_close(&server->linger);
  if (server->nothing != NULL) MHD_destroy_response(server->nothing);
  mkt_health_clear(&server->health);
  mkt_requests_free(&server->requests);
  mkt_connections_free(&server->connections);
  mkt_certificate_release(server->certificate);
  mkt_routes_clear(&server->routes);
  mkt_free(server->path);
  mkt_free(server);
}

mkt_code mkt_server_open(mkt_server **server, const mkt_server_options *options, mkt_error *error) {
  *server = NULL;
  mkt_server *opened = new_server(options);
  if (opened == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  mkt_code code = open_server(opened, options, error);
  if (code == MKT_OK) {
    *server = opened;
  } else {
    free_server(opened);
  }
  return code;
}

/* Running. What does not enter needs no turn: it reads what never changes, or the owner's own. */

static void enter(mkt_server *server) {
  mkt_front_owner_enters(&server->front);
}

static void leave(mkt_server *server) {
  mkt_front_owner_leaves(&server->front);
}

size_t mkt_server_poll(mkt_server *server, int milliseconds) {
  enter(server);
  bool has_some = server->ready.count > 0 || server->batch.count > 0 || server->has_replied;
  mkt_run_sockets(server, has_some ? 0 : mkt_run_time_to_wait(server, milliseconds));
  mkt_ready_append(&server->batch, &server->ready);
  server->ready = (mkt_ready){0};
  leave(server);
  return server->batch.count;
}

const mkt_request *mkt_server_ready(const mkt_server *server) {
  return server->batch.first;
}

static void take(mkt_ready *list) {
  mkt_request *request = list->first;
  while (request != NULL) {
    mkt_request *next = request->next;
    request->taken = true;
    mkt_request_drop_text(request);
    mkt_request_drop_body(request);
    request = next;
  }
  *list = (mkt_ready){0};
}

void mkt_server_take(mkt_server *server) {
  enter(server);
  take(&server->batch);
  leave(server);
}

static bool is_waiting(const mkt_request *request) {
  return request != NULL && request->taken;
}

bool mkt_server_is_waiting(mkt_server *server, mkt_handle handle) {
  enter(server);
  bool waits = is_waiting(mkt_requests_find(&server->requests, handle));
  leave(server);
  return waits;
}

/* Of a connection that libmicrohttpd looks at no more, as it is suspended. */
static bool has_hung_up(int fd) {
  struct pollfd polled = {.fd = fd, .events = POLLRDHUP};
  return poll(&polled, 1, 0) > 0;
}

bool mkt_server_is_abandoned(mkt_server *server, mkt_handle handle) {
  enter(server);
  const mkt_request *request = mkt_requests_find(&server->requests, handle);
  bool is_known = is_waiting(request) && request->connection != NULL;
  bool is_abandoned = !is_known || has_hung_up(request->connection->fd);
  leave(server);
  return is_abandoned;
}

/* Answering */

static bool answer_request(mkt_server *server, mkt_request *request, const mkt_answer *answer) {
  mkt_connection *connection = request->connection;
  mkt_fault fault = request->fault;
  server->stats.waiting--;
  mkt_requests_remove(&server->requests, request);
  if (connection == NULL) return false;
  connection->request = NULL;
  return mkt_reply(server, connection, fault, answer);
}

void mkt_server_answer(mkt_server *server, mkt_handle handle, const mkt_answer *answer) {
  enter(server);
  mkt_request *request = mkt_requests_find(&server->requests, handle);
  const bool took = is_waiting(request) && answer_request(server, request, answer);
  leave(server);
  if (!took) mkt_body_close(answer->pieces);
}

void mkt_server_flush(mkt_server *server) {
  enter(server);
  mkt_run_answers(server);
  leave(server);
}

/* Ending */

static void doom_all(mkt_server *server, mkt_phase phase) {
  mkt_connection *connection = NULL;
  while ((connection = server->connections.timed[phase].first) != NULL) {
    mkt_connection_doom(&server->connections, connection);
  }
}

static void drain(mkt_server *server) {
  server->draining = true;
  (void)close(MHD_quiesce_daemon(server->daemon));
  /* what has arrived already is a request, not idleness */
  (void)MHD_run_wait(server->daemon, 0);
  doom_all(server, MKT_PHASE_FRESH);
  doom_all(server, MKT_PHASE_IDLE);
  (void)MHD_run_wait(server->daemon, 0);
}

void mkt_server_drain(mkt_server *server) {
  enter(server);
  if (!server->draining) drain(server);
  leave(server);
}

static void answer_all(mkt_server *server, const mkt_answer *answer) {
  take(&server->batch);
  take(&server->ready);
  for (size_t i = 0; i < server->requests.count; i++) {
    mkt_request *request = server->requests.slots[i];
    if (request->taken) (void)answer_request(server, request, answer);
  }
}

bool mkt_server_is_ours(const mkt_server *server) {
  return server->owner == getpid();
}

void mkt_server_close(mkt_server *server) {
  if (server == NULL || !mkt_server_is_ours(server)) return;
  const mkt_answer unavailable = {.status = MHD_HTTP_SERVICE_UNAVAILABLE, .body = ""};
  mkt_front_stop(&server->front);
  server->draining = true;
  answer_all(server, &unavailable);
  mkt_run_answers(server);
  answer_all(server, &unavailable); /* what the runs completed: nothing may stay suspended */
  mkt_send_end_waits(server);
  MHD_stop_daemon(server->daemon);
  free_server(server);
}

mkt_code mkt_server_set_certificate(mkt_server *server, const char *cert, const char *key,
                                    mkt_error *error) {
  mkt_certificate *certificate = NULL;
  if (server->certificate == NULL) {
    return mkt_fail(error, MKT_ERR_TLS_FAILED, "the server has no TLS");
  }
  mkt_code code = mkt_certificate_open(&certificate, cert, key, error);
  if (code != MKT_OK) return code;
  enter(server);
  mkt_certificate *former = server->certificate;
  server->certificate = certificate;
  mkt_certificate_release(former);
  leave(server);
  return MKT_OK;
}

const char *mkt_server_host(const mkt_server *server) {
  return server->host;
}

uint16_t mkt_server_port(const mkt_server *server) {
  return server->port;
}

mkt_server_stats mkt_server_statistics(mkt_server *server) {
  enter(server);
  mkt_server_stats stats = server->stats;
  stats.connections = server->connections.kept;
  stats.buffered = server->requests.buffered;
  stats.tls_expires_at = server->certificate != NULL ? server->certificate->expires_at : 0;
  leave(server);
  return stats;
}

mkt_refused mkt_server_refused(mkt_server *server) {
  enter(server);
  mkt_refused refused = server->refused;
  leave(server);
  return refused;
}

size_t mkt_server_route_count(const mkt_server *server) {
  return server->routes.count;
}

mkt_refused mkt_server_refused_of_route(mkt_server *server, size_t route) {
  enter(server);
  mkt_refused refused = server->routes.refused[route];
  leave(server);
  return refused;
}
