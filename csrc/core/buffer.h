/* buffer.h: bytes that grow up to a mandatory maximum. */
#ifndef MKT_BUFFER_H
#define MKT_BUFFER_H

#include "error.h"

#include <stddef.h>

/* Zero bytes are a valid empty buffer of maximum 0. The bytes are owned by the buffer. */
typedef struct mkt_buffer {
  char *p;
  size_t n;
  size_t capacity;
  size_t maximum;
} mkt_buffer;

/* Allocates nothing. maximum: the most bytes that the buffer will ever hold. */
void mkt_buffer_init(mkt_buffer *buffer, size_t maximum);

/* MKT_OK, MKT_ERR_TOO_LARGE or MKT_ERR_OUT_OF_MEMORY; on failure the buffer is unchanged. */
mkt_code mkt_buffer_append(mkt_buffer *buffer, const char *p, size_t n);

/* Frees the bytes and leaves an empty buffer with the same maximum. */
void mkt_buffer_clear(mkt_buffer *buffer);

#endif
