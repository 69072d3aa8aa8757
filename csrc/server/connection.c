#include "server/connection.h"

#include "core/alloc.h"

#include <sys/socket.h>

/* Milliseconds that a connection is new in its phase: it makes room only if all others are, too. A
 * shorter time would let a rush of honest clients cut off each other for ever; without this, as
 * many trickled bodies as there are connections would lock everyone out until body_timeout. */
enum { NEW_TIME = 1000 };

/* Milliseconds that a body is given, and the bytes of it that gain it another second. */
enum { BODY_PATIENCE = 5000, BODY_LEAST_RATE = 500 };

bool mkt_connections_init(mkt_connections *connections, size_t capacity) {
  *connections = (mkt_connections){0};
  if (capacity > SIZE_MAX / sizeof *connections->all) return false;
  connections->all = mkt_alloc_zero(capacity * sizeof *connections->all);
  if (connections->all == NULL) return false;
  for (size_t i = capacity; i-- > 0;) {
    connections->all[i].next = connections->unused;
    connections->unused = &connections->all[i];
  }
  return true;
}

void mkt_connections_free(mkt_connections *connections) {
  mkt_free(connections->all);
}

mkt_connection *mkt_connections_add(mkt_connections *connections) {
  mkt_connection *connection = connections->unused;
  if (connection == NULL) return NULL;
  connections->unused = connection->next;
  *connection = (mkt_connection){.phase = MKT_PHASE_ANSWERING, .fd = -1};
  connections->kept++;
  return connection;
}

static bool is_timed(mkt_phase phase) {
  return phase <= MKT_PHASE_CLOSING;
}

static size_t engaged(mkt_phase phase) {
  return phase == MKT_PHASE_BODY || phase == MKT_PHASE_PROBING || phase == MKT_PHASE_WAITING;
}

static void unlink_connection(mkt_connections *connections, mkt_connection *connection) {
  connections->engaged -= engaged(connection->phase);
  if (connection->gives_way) connections->giving_way -= engaged(connection->phase);
  if (!is_timed(connection->phase)) return;
  mkt_connection_list *list = &connections->timed[connection->phase];
  mkt_connection **from_previous =
      connection->previous != NULL ? &connection->previous->next : &list->first;
  mkt_connection **from_next = connection->next != NULL ? &connection->next->previous : &list->last;
  *from_previous = connection->next;
  *from_next = connection->previous;
}

/* Searches from the end: all the connections of a phase have the same time, so nearly always the
 * newest has the last deadline. */
static void link_connection(mkt_connections *connections, mkt_connection *connection) {
  mkt_connection_list *list = &connections->timed[connection->phase];
  mkt_connection *before = list->last;
  while (before != NULL && before->deadline > connection->deadline)
    before = before->previous;
  mkt_connection *after = before != NULL ? before->next : list->first;
  connection->previous = before;
  connection->next = after;
  *(before != NULL ? &before->next : &list->first) = connection;
  *(after != NULL ? &after->previous : &list->last) = connection;
}

void mkt_connection_enter(mkt_connections *connections, mkt_connection *connection, mkt_phase phase,
                          uint64_t now, uint64_t deadline) {
  unlink_connection(connections, connection);
  connection->phase = phase;
  connection->since = now;
  connection->deadline = deadline;
  connections->engaged += engaged(phase);
  if (connection->gives_way) connections->giving_way += engaged(phase);
  if (is_timed(phase)) link_connection(connections, connection);
}

void mkt_connections_remove(mkt_connections *connections, mkt_connection *connection) {
  if (connection->phase != MKT_PHASE_DOOMED) connections->kept--;
  unlink_connection(connections, connection);
  connection->next = connections->unused;
  connections->unused = connection;
}

void mkt_connection_doom(mkt_connections *connections, mkt_connection *connection) {
  if (connection->phase == MKT_PHASE_DOOMED) return;
  mkt_connection_enter(connections, connection, MKT_PHASE_DOOMED, 0, 0);
  connections->kept--;
  (void)shutdown(connection->fd, SHUT_RDWR);
}

static mkt_connection *older(mkt_connection *a, mkt_connection *b) {
  if (a == NULL || b == NULL) return a != NULL ? a : b;
  return a->since <= b->since ? a : b;
}

bool mkt_connection_is_new(const mkt_connection *connection, uint64_t now) {
  return now - connection->since < NEW_TIME;
}

static mkt_connection *unless_new(mkt_connection *connection, uint64_t now) {
  return connection != NULL && !mkt_connection_is_new(connection, now) ? connection : NULL;
}

mkt_connection *mkt_connections_body_giving_way(const mkt_connections *connections, uint64_t now,
                                                bool is_slow) {
  mkt_connection *body = connections->timed[MKT_PHASE_BODY].first;
  while (body != NULL && (!body->gives_way || (is_slow && mkt_connection_is_new(body, now))))
    body = body->next;
  return body;
}

mkt_connection *mkt_connections_slow_body(const mkt_connections *connections, uint64_t now) {
  mkt_connection *giving_way = mkt_connections_body_giving_way(connections, now, true);
  if (giving_way != NULL) return giving_way;
  mkt_connection *body = connections->timed[MKT_PHASE_BODY].first;
  while (body != NULL && mkt_connection_is_new(body, now))
    body = body->next;
  return body;
}

mkt_connection *mkt_connections_victim(const mkt_connections *connections, uint64_t now) {
  const mkt_connection_list *timed = connections->timed;
  mkt_connection *silent = older(timed[MKT_PHASE_FRESH].first, timed[MKT_PHASE_IDLE].first);
  mkt_connection *headers = timed[MKT_PHASE_HEADERS].first;
  mkt_connection *const candidates[] = {
      unless_new(silent, now),
      timed[MKT_PHASE_CLOSING].first,
      unless_new(headers, now),
      mkt_connections_slow_body(connections, now),
      silent,
      headers,
      timed[MKT_PHASE_SENDING].first,
  };
  for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
    if (candidates[i] != NULL) return candidates[i];
  }
  return NULL;
}

mkt_connection *mkt_connections_largest(const mkt_connections *connections, bool gives_way) {
  mkt_connection *largest = NULL;
  mkt_connection *body = connections->timed[MKT_PHASE_BODY].first;
  for (; body != NULL; body = body->next) {
    if (body->gives_way != gives_way) continue;
    const size_t most = largest != NULL ? largest->request->counted : 0;
    const size_t size = body->request->counted;
    if (size > most || (size == most && size > 0 && body->since < largest->since)) largest = body;
  }
  return largest;
}

uint64_t mkt_connection_body_deadline(const mkt_connection *connection, size_t received,
                                      uint64_t timeout) {
  const uint64_t earned = BODY_PATIENCE + (uint64_t)received / BODY_LEAST_RATE * 1000;
  return connection->since + (earned < timeout ? earned : timeout);
}

mkt_connection *mkt_connections_expired(const mkt_connections *connections, uint64_t now) {
  for (size_t i = 0; i < MKT_TIMED_PHASES; i++) {
    mkt_connection *first = connections->timed[i].first;
    if (first != NULL && first->deadline <= now) return first;
  }
  return NULL;
}

uint64_t mkt_connections_deadline(const mkt_connections *connections) {
  uint64_t earliest = UINT64_MAX;
  for (size_t i = 0; i < MKT_TIMED_PHASES; i++) {
    const mkt_connection *first = connections->timed[i].first;
    if (first != NULL && first->deadline < earliest) earliest = first->deadline;
  }
  return earliest;
}
