#include "server/refuse.h"

#include "server/refusal.h"
#include "server/reply.h"
#include "server/room.h"

static void answer(mkt_server *server, mkt_request *request) {
  mkt_connection *connection = request->connection;
  const mkt_answer *refused = mkt_refusal_answer(request->refusal);
  if (connection == NULL) return;
  request->answered = refused->status;
  request->connection = NULL;
  connection->request = NULL;
  (void)mkt_reply(server, connection, request->fault, refused);
}

/* A probe whose connection has its answer, or has gone; or nobody waits for what a route has. */
static bool is_moot(const mkt_server *server, const mkt_request *request) {
  if (request->connection != NULL) return false;
  return request->route != NULL || mkt_health_is_probe(&server->health, request);
}

/* One that cannot be read is of none, whatever its path is: so the owner has it, too. */
static bool is_refused_of_route(const mkt_request *request) {
  return request->route != NULL && request->refusal != MKT_REFUSAL_MALFORMED;
}

static void count(mkt_server *server, const mkt_request *request) {
  server->refused.all++;
  if (is_refused_of_route(request)) {
    mkt_route_count_refused(server, request);
  } else {
    server->refused.of_kind[request->refusal]++;
  }
}

/* If a refused one is not, it is counted. */
static bool is_handed_out(mkt_server *server, const mkt_request *request) {
  const mkt_refusal refusal = request->refusal;
  mkt_ready *ready = &server->ready;
  if (refusal == MKT_REFUSAL_NONE) return !is_moot(server, request);
  size_t *shown = is_refused_of_route(request) ? ready->of_routes : ready->of_kind;
  if (shown[refusal] < MKT_REFUSED_SHOWN) {
    shown[refusal]++;
    ready->refused++;
    return true;
  }
  count(server, request);
  return false;
}

static void remove_behind(mkt_server *server, mkt_request *previous, mkt_request *request) {
  mkt_ready *ready = &server->ready;
  *(previous != NULL ? &previous->next : &ready->first) = request->next;
  if (ready->last == request) ready->last = previous;
  ready->count--;
  server->stats.waiting--;
  mkt_requests_remove(&server->requests, request);
}

/* There is no time for a probe to wait: others need its connection. */
static void answer_probe(mkt_server *server, const mkt_request *request) {
  mkt_connection *connection = request->connection;
  bool is_probe = connection != NULL && connection->phase == MKT_PHASE_PROBING;
  if (is_probe && mkt_room_is_short(server)) mkt_reply_late(server, connection);
}

/* Refuses the request if it is to be, or answers the probe that it is. */
static void judge(mkt_server *server, mkt_request *request) {
  request->refusal = mkt_refusal_of(server, request);
  if (request->refusal != MKT_REFUSAL_NONE) {
    answer(server, request);
  } else {
    answer_probe(server, request);
  }
}

void mkt_refuse_ready(mkt_server *server) {
  mkt_request *previous = server->ready.judged;
  mkt_request *request = previous != NULL ? previous->next : server->ready.first;
  while (request != NULL) {
    mkt_request *next = request->next;
    bool was_refused = request->refusal != MKT_REFUSAL_NONE;
    if (!was_refused) judge(server, request);
    if (was_refused || is_handed_out(server, request)) {
      previous = request;
    } else {
      remove_behind(server, previous, request);
    }
    request = next;
  }
  server->ready.judged = previous;
}

static mkt_request *waiting_of_route(const mkt_server *server) {
  mkt_request *request = server->ready.first;
  while (request != NULL && (request->route == NULL || request->connection == NULL ||
                             request->refusal != MKT_REFUSAL_NONE))
    request = request->next;
  return request;
}

bool mkt_refuse_one_of_route(mkt_server *server) {
  mkt_request *request = waiting_of_route(server);
  if (request == NULL) return false;
  request->refusal = MKT_REFUSAL_OVERLOADED;
  request->connection->is_last = true;
  request->connection->may_close = true;
  answer(server, request);
  request->fault = MKT_FAULT_OVERLOADED;
  mkt_requests_discard_body(&server->requests, request);
  server->ready.refused++;
  return true;
}
