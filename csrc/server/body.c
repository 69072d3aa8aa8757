#include "server/body.h"

#include "core/alloc.h"

#include <string.h>

/* From so many bytes on it is worth looking whether a piece is there already. */
enum { LONG_PIECE = 4096 };

/* A terabyte a second, so that its product with a time in milliseconds fits 64 bits. */
static const uint64_t NO_LIMIT_FROM = (uint64_t)1 << 40;

typedef struct piece {
  const char *p;
  size_t n;
  const char *source; /* where it was copied from; NULL if it is another one's copy */
} piece;

struct mkt_body {
  piece *pieces;
  size_t count, capacity;
  uint64_t total, length, rate;
  size_t index, offset; /* of the next byte to be read: the piece, and in it */
  uint64_t read;
};

mkt_body *mkt_body_open(size_t capacity) {
  if (capacity > MKT_BODY_PIECES_MOST) return NULL;
  mkt_body *body = mkt_alloc_zero(sizeof *body);
  if (body == NULL) return NULL;
  body->pieces = mkt_alloc((capacity + 1) * sizeof *body->pieces);
  body->capacity = capacity;
  if (body->pieces != NULL) return body;
  mkt_free(body);
  return NULL;
}

void mkt_body_close(mkt_body *body) {
  if (body == NULL) return;
  for (size_t i = 0; i < body->count; i++) {
    if (body->pieces[i].source != NULL) mkt_free((void *)(uintptr_t)body->pieces[i].p);
  }
  mkt_free(body->pieces);
  mkt_free(body);
}

static const piece *copy_of(const mkt_body *body, const char *p, size_t n) {
  for (size_t i = 0; n >= LONG_PIECE && i < body->count; i++) {
    if (body->pieces[i].source == p && body->pieces[i].n == n) return &body->pieces[i];
  }
  return NULL;
}

static bool fill(mkt_body *body, piece *next, const char *p, size_t n) {
  const piece *same = copy_of(body, p, n);
  if (same != NULL) {
    *next = (piece){same->p, n, NULL};
    return true;
  }
  char *copy = mkt_alloc(n);
  if (copy == NULL) return false;
  memcpy(copy, p, n);
  *next = (piece){copy, n, p};
  return true;
}

bool mkt_body_add(mkt_body *body, const char *p, size_t n) {
  if (n == 0) return true;
  if (body->count == body->capacity || !fill(body, &body->pieces[body->count], p, n)) return false;
  body->count++;
  body->total += n;
  body->length = body->total;
  return true;
}

void mkt_body_promise(mkt_body *body, uint64_t length) {
  body->length = length;
}

void mkt_body_limit_rate(mkt_body *body, uint64_t rate) {
  body->rate = rate < NO_LIMIT_FROM ? rate : 0;
}

size_t mkt_body_read(mkt_body *body, char *out, size_t most) {
  size_t taken = 0;
  while (taken < most && body->index < body->count) {
    const piece *now = &body->pieces[body->index];
    size_t n = now->n - body->offset;
    if (n > most - taken) n = most - taken;
    memcpy(out + taken, now->p + body->offset, n);
    taken += n;
    body->offset += n;
    if (body->offset == now->n) {
      body->index++;
      body->offset = 0;
    }
  }
  body->read += taken;
  return taken;
}

uint64_t mkt_body_read_so_far(const mkt_body *body) {
  return body->read;
}

uint64_t mkt_body_length(const mkt_body *body) {
  return body->length;
}

uint64_t mkt_body_rate(const mkt_body *body) {
  return body->rate;
}
