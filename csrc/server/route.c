#include "server/route.h"

#include "core/alloc.h"
#include "server/internal.h"

#include <string.h>

bool mkt_routes_init(mkt_routes *routes, const mkt_server_options *options) {
  if (options->route_count == 0) return true;
  routes->list = mkt_alloc_zero(options->route_count * sizeof *routes->list);
  routes->refused = mkt_alloc_zero(options->route_count * sizeof *routes->refused);
  if (routes->list == NULL || routes->refused == NULL) return false;
  for (; routes->count < options->route_count; routes->count++) {
    const mkt_route *given = &options->routes[routes->count];
    char *path = NULL;
    if (!mkt_alloc_copy(&path, given->path)) return false;
    routes->list[routes->count] = (mkt_route){path, given->max_body};
  }
  return true;
}

void mkt_routes_clear(mkt_routes *routes) {
  for (size_t i = 0; i < routes->count; i++)
    mkt_free((void *)(uintptr_t)routes->list[i].path);
  mkt_free(routes->list);
  mkt_free(routes->refused);
}

bool mkt_route_is_for_notifications(const mkt_server *server, const mkt_request *request) {
  if (server->path == NULL) return false;
  const mkt_text path = mkt_request_path(request);
  const size_t length = strlen(server->path);
  bool has_slash = length > 1 && path.n == length + 1 && path.p[length] == '/';
  return (path.n == length || has_slash) && memcmp(path.p, server->path, length) == 0;
}

static bool is_within(mkt_text path, const char *route) {
  const size_t length = strlen(route);
  if (path.n < length || memcmp(path.p, route, length) != 0) return false;
  return path.n == length || route[length - 1] == '/';
}

const mkt_route *mkt_route_of(const mkt_server *server, const mkt_request *request) {
  if (mkt_route_is_for_notifications(server, request)) return NULL;
  if (mkt_health_has_path(&server->health, request)) return NULL;
  for (size_t i = 0; i < server->routes.count; i++) {
    const mkt_route *route = &server->routes.list[i];
    if (is_within(mkt_request_path(request), route->path)) return route;
  }
  return NULL;
}

void mkt_route_count_refused(mkt_server *server, const mkt_request *request) {
  mkt_refused *refused = &server->routes.refused[request->route - server->routes.list];
  refused->all++;
  refused->of_kind[request->refusal]++;
}
