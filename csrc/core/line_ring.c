#include "line_ring.h"

#include "alloc.h"

#include <string.h>

bool mkt_line_ring_init(mkt_line_ring *ring, size_t size) {
  *ring = (mkt_line_ring){.bytes = mkt_alloc(size), .size = size};
  return ring->bytes != NULL;
}

/* Of a place that is at most twice the size. */
static size_t wrapped(const mkt_line_ring *ring, size_t place) {
  return place < ring->size ? place : place - ring->size;
}

bool mkt_line_ring_add(mkt_line_ring *ring, const char *lines, size_t n) {
  if (n > ring->size - ring->used) return false;
  struct iovec pieces[2];
  (void)mkt_line_ring_pieces(ring, ring->used, ring->used + n, pieces);
  memcpy(pieces[0].iov_base, lines, pieces[0].iov_len);
  memcpy(pieces[1].iov_base, lines + pieces[0].iov_len, pieces[1].iov_len);
  ring->used += n;
  return true;
}

char mkt_line_ring_at(const mkt_line_ring *ring, size_t place) {
  return ring->bytes[wrapped(ring, ring->first + place)];
}

size_t mkt_line_ring_whole(const mkt_line_ring *ring, size_t used, size_t most) {
  size_t end = 0;
  for (size_t i = 0; i < used && (i < most || end == 0); i++) {
    if (mkt_line_ring_at(ring, i) == '\n') end = i + 1;
  }
  return end;
}

int mkt_line_ring_pieces(const mkt_line_ring *ring, size_t from, size_t to,
                         struct iovec pieces[2]) {
  size_t at = wrapped(ring, ring->first + from);
  size_t n = to - from;
  size_t before_end = ring->size - at;
  size_t part = n < before_end ? n : before_end;
  pieces[0] = (struct iovec){ring->bytes + at, part};
  pieces[1] = (struct iovec){ring->bytes, n - part};
  return part < n ? 2 : 1;
}

size_t mkt_line_ring_count(const mkt_line_ring *ring, size_t from, size_t to) {
  size_t count = 0;
  for (size_t i = from; i < to; i++)
    count += mkt_line_ring_at(ring, i) == '\n';
  return count;
}

void mkt_line_ring_remove(mkt_line_ring *ring, size_t n) {
  ring->first = wrapped(ring, ring->first + n);
  ring->used -= n;
}
