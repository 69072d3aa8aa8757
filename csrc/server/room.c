#include "server/room.h"

#include "core/clock.h"
#include "server/refuse.h"
#include "server/reply.h"

/* Requests whose connections have gone take memory until the owner comes back: whoever goes on
 * connecting meanwhile would make them more and more. */
static bool has_too_many_ready(const mkt_server *server) {
  return server->ready.count - server->ready.refused >= 2 * server->max_connections;
}

static bool turn_away(mkt_server *server) {
  server->stats.refused++;
  return false;
}

/* Whether there was one. */
static bool evict(mkt_server *server, mkt_connection *victim) {
  if (victim == NULL) return false;
  mkt_connection_doom(&server->connections, victim);
  server->stats.evicted++;
  return true;
}

/* Whether a probe was answered, without the owner, whose connection then ends. */
static bool cut_short_a_probe(mkt_server *server) {
  mkt_connection *probing = server->connections.timed[MKT_PHASE_PROBING].first;
  if (probing == NULL) return false;
  mkt_reply_late(server, probing);
  return true;
}

/* Of those beyond, 11 are accepted in a run, 11 are read, 11 answered, and 11 closed. */
bool mkt_room_admit(mkt_server *server) {
  const size_t kept = server->connections.kept;
  const bool has_beyond = server->path != NULL;
  if (has_too_many_ready(server) && !has_beyond) return turn_away(server);
  if (kept < server->max_connections) return true;
  const uint64_t now = mkt_clock_milliseconds();
  mkt_connection *victim = mkt_connections_victim(&server->connections, now);
  bool is_dear =
      victim == NULL || (victim->phase != MKT_PHASE_CLOSING && mkt_connection_is_new(victim, now));
  if (is_dear && has_beyond && kept < server->max_connections + MKT_SERVER_BEYOND) return true;
  return evict(server, victim) || turn_away(server);
}

bool mkt_room_is_short(const mkt_server *server) {
  return server->connections.engaged > server->max_connections || has_too_many_ready(server);
}

bool mkt_room_to_wait(mkt_server *server) {
  const mkt_connections *connections = &server->connections;
  const uint64_t now = mkt_clock_milliseconds();
  if (has_too_many_ready(server)) return false;
  return cut_short_a_probe(server) ||
         evict(server, mkt_connections_body_giving_way(connections, now, false)) ||
         mkt_refuse_one_of_route(server) ||
         evict(server, mkt_connections_slow_body(connections, now));
}

bool mkt_room_for_route(mkt_server *server) {
  const mkt_connections *connections = &server->connections;
  const size_t most = (server->max_connections + 1) / 2;
  if (connections->giving_way <= most && !mkt_room_is_short(server)) return true;
  const uint64_t now = mkt_clock_milliseconds();
  return !has_too_many_ready(server) &&
         evict(server, mkt_connections_body_giving_way(connections, now, true));
}
