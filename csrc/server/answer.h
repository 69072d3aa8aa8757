/* answer.h: the two ways an answer takes: as a response of libmicrohttpd, or as plain bytes. */
#ifndef MKT_ANSWER_H
#define MKT_ANSWER_H

#include <microhttpd.h>

#include "server/server.h"

/* A response that the caller owns (MHD_destroy_response), or NULL when memory is short. Everything
 * of the answer is copied but its status. close: it ends its connection. */
struct MHD_Response *mkt_answer_response(const mkt_answer *answer, bool close);

/* Adds the answer's headers to its response, which is destroyed, and NULL returned, if memory is
 * short. */
struct MHD_Response *mkt_answer_complete(struct MHD_Response *response, const mkt_answer *answer,
                                         bool close);

/* Writes the answer, which ends the connection, to libmicrohttpd's socket, through its TLS session
 * if it has one, and half-closes it. For connections in the middle of an upload, for which
 * libmicrohttpd takes no response. False when it could not be written as a whole. */
bool mkt_answer_write(struct MHD_Connection *mhd, int fd, const mkt_answer *answer);

#endif
