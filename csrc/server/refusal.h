/* refusal.h: what cannot be a notification, by what is known without the owner: a request's head,
 * and what was wrong with it. The owner refuses the same requests, for the same reasons and with
 * the same answers (lua/marketplace/server, receiver.lua, responses.lua).
 */
#ifndef MKT_REFUSAL_H
#define MKT_REFUSAL_H

#include "server/internal.h"

/* Why a request is refused. MKT_REFUSAL_NONE: it may be a notification, or it is a probe or of a
 * route. Whether a signature is right is the owner's to say: one in the form of a signature can be
 * made up. */
mkt_refusal mkt_refusal_of(const mkt_server *server, const mkt_request *request);

/* Whether it may be a notification. Of a server that has no path of notifications, each may. */
bool mkt_refusal_is_wanted(const mkt_server *server, const mkt_request *request);

/* Whether its body is received: that of what may be a notification, and that of a plain POST of a
 * route. */
bool mkt_refusal_is_body_wanted(const mkt_server *server, const mkt_request *request);

/* The answer, borrowed from the program; its status is 0 for MKT_REFUSAL_NO_REQUEST, which gets
 * none. Not for MKT_REFUSAL_NONE. */
const mkt_answer *mkt_refusal_answer(mkt_refusal refusal);

#endif
