/* route.h: what is answered beside notifications and probes, by its path, and what the front has
 * refused of it. */
#ifndef MKT_ROUTE_H
#define MKT_ROUTE_H

#include "server/server.h"

struct mkt_server;

typedef struct mkt_routes {
  mkt_route *list;
  mkt_refused *refused; /* of each */
  size_t count;
} mkt_routes;

/* Copies those of the options. False when memory is short; what there is then must be cleared as
 * well. */
bool mkt_routes_init(mkt_routes *routes, const mkt_server_options *options);
void mkt_routes_clear(mkt_routes *routes);

/* Whether it is posted to the path of notifications; a slash behind that is forgiven. */
bool mkt_route_is_for_notifications(const struct mkt_server *server, const mkt_request *request);

/* The route of a request that is neither for notifications nor a probe's, or NULL: the first whose
 * path is the request's or, if it ends with a slash, which the request's begins with. */
const mkt_route *mkt_route_of(const struct mkt_server *server, const mkt_request *request);

/* Counts a request of a route that was refused and is not handed out. */
void mkt_route_count_refused(struct mkt_server *server, const mkt_request *request);

#endif
