/* body.h: the body of an answer in pieces, of which those that are alike take memory once.
 *
 * A file of gigabytes that repeats itself is a few hundred pieces and the memory of one of them.
 */
#ifndef MKT_BODY_H
#define MKT_BODY_H

#include "server/server.h"

/* Copies the next bytes, `most` at most, in order; 0 at the end. */
size_t mkt_body_read(mkt_body *body, char *out, size_t most);

/* How many bytes were read so far. */
uint64_t mkt_body_read_so_far(const mkt_body *body);

/* What is promised (MKT_BODY_NO_LENGTH: nothing), and the most bytes a second, 0 for no limit. */
uint64_t mkt_body_length(const mkt_body *body);
uint64_t mkt_body_rate(const mkt_body *body);

#endif
