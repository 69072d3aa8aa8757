/* wanted.h: whether a request's body is worth receiving, by its head alone. */
#ifndef MKT_WANTED_H
#define MKT_WANTED_H

#include "server/server.h"

/* Whether it can be a notification: a POST to this path (also with a slash behind), not encoded,
 * and with one header of a signature in the form of one. A signature can only be made up in that
 * form by one who wants to: what it is worth is known once the body is there. */
bool mkt_wanted(const mkt_request *request, const char *path);

#endif
