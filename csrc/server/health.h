/* health.h: what probes ask. Whether the process lives is answered here, whatever the owner does.
 * Whether it is ready is the owner's to say, and is answered here if that takes long. */
#ifndef MKT_HEALTH_H
#define MKT_HEALTH_H

#include <microhttpd.h>

#include "server/request.h"

/* Milliseconds that the owner has to say whether it is ready: less than a probe waits, which is
 * often a second. */
enum { MKT_READY_TIME = 750 };

typedef struct mkt_health {
  char *live_path, *ready_path; /* NULL: there is none */
  struct MHD_Response *ok;
  struct MHD_Response *last_ok, *stopping; /* each ends its connection */
} mkt_health;

/* Answers to a probe that also sends a body, and to one that the owner leaves waiting. */
extern const mkt_answer mkt_health_ok, mkt_health_stopping, mkt_health_late;

/* False when memory is short; what there is then must be cleared as well. */
bool mkt_health_init(mkt_health *health, const mkt_server_options *options);
void mkt_health_clear(mkt_health *health);

/* Whether it is a GET or HEAD of the path. Other methods are the owner's to refuse, and count. */
bool mkt_health_is_live_asked(const mkt_health *health, const mkt_request *request);
bool mkt_health_is_ready_asked(const mkt_health *health, const mkt_request *request);

/* Whether either is asked; and whether it is of either path, whatever its method. */
bool mkt_health_is_probe(const mkt_health *health, const mkt_request *request);
bool mkt_health_has_path(const mkt_health *health, const mkt_request *request);

#endif
