/* line_ring.h: lines that wait to be written, in a ring of bytes.
 *
 * One thread may look at what is in the ring without a lock while another, under the lock of both,
 * adds to it: adding does not touch what is there.
 */
#ifndef MKT_LINE_RING_H
#define MKT_LINE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

typedef struct mkt_line_ring {
  char *bytes;
  size_t size;  /* of bytes */
  size_t first; /* where the oldest byte is */
  size_t used;
} mkt_line_ring;

/* Whether there was memory for so many bytes, at least 1. The caller frees ring->bytes. */
bool mkt_line_ring_init(mkt_line_ring *ring, size_t size);

/* Adds whole lines, or, if there is no room for all of this, nothing. */
bool mkt_line_ring_add(mkt_line_ring *ring, const char *lines, size_t n);

/* Of the first `used` bytes: as many of the oldest lines as have at most `most` bytes together, or
 * the oldest line if that is longer. 0 if used is. */
size_t mkt_line_ring_whole(const mkt_line_ring *ring, size_t used, size_t most);

/* The bytes from `from` up to `to`, counted from the oldest one, as one or two pieces, of which the
 * second may be empty; how many are not. */
int mkt_line_ring_pieces(const mkt_line_ring *ring, size_t from, size_t to, struct iovec pieces[2]);

/* How many lines end within these bytes. */
size_t mkt_line_ring_count(const mkt_line_ring *ring, size_t from, size_t to);

/* The byte at this place, counted from the oldest one. */
char mkt_line_ring_at(const mkt_line_ring *ring, size_t place);

/* Removes the oldest n bytes. */
void mkt_line_ring_remove(mkt_line_ring *ring, size_t n);

#endif
