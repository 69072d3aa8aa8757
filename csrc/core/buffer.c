#include "buffer.h"

#include "alloc.h"

#include <string.h>

enum { FIRST_CAPACITY = 1024 };

void mkt_buffer_init(mkt_buffer *buffer, size_t maximum) {
  *buffer = (mkt_buffer){.maximum = maximum};
}

static size_t grown_capacity(const mkt_buffer *buffer, size_t needed) {
  size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
  while (capacity < needed) {
    capacity = capacity <= buffer->maximum / 2 ? capacity * 2 : buffer->maximum;
  }
  return capacity < buffer->maximum ? capacity : buffer->maximum;
}

mkt_code mkt_buffer_append(mkt_buffer *buffer, const char *p, size_t n) {
  if (n == 0) return MKT_OK;
  if (n > buffer->maximum - buffer->n) return MKT_ERR_TOO_LARGE;
  if (buffer->n + n > buffer->capacity) {
    size_t capacity = grown_capacity(buffer, buffer->n + n);
    char *grown = mkt_resize(buffer->p, capacity);
    if (grown == NULL) return MKT_ERR_OUT_OF_MEMORY;
    buffer->p = grown;
    buffer->capacity = capacity;
  }
  memcpy(buffer->p + buffer->n, p, n);
  buffer->n += n;
  return MKT_OK;
}

void mkt_buffer_clear(mkt_buffer *buffer) {
  mkt_free(buffer->p);
  mkt_buffer_init(buffer, buffer->maximum);
}
