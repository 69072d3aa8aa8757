/* alloc.h: the one door through which the core takes heap memory.
 *
 * The table can be replaced, so that a host can account for memory and a test can make any
 * allocation fail. OpenSSL and libcurl keep their own allocators.
 */
#ifndef MKT_ALLOC_H
#define MKT_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Any thread may call them, several at once. */
typedef struct mkt_allocator {
  /* As realloc(3): a NULL block allocates; on failure NULL, and the old block stays valid. */
  void *(*resize)(void *context, void *block, size_t bytes);
  /* As free(3): NULL is allowed. */
  void (*release)(void *context, void *block);
  void *context;
} mkt_allocator;

/* Replaces the table for the whole process; the struct is copied. NULL restores malloc. Call it
 * before any other function of the core: a block must be released by the table that gave it. */
void mkt_alloc_use(const mkt_allocator *allocator);

/* NULL when memory is short. The caller owns the block. */
void *mkt_alloc(size_t bytes);

/* As mkt_alloc, with every byte zero. */
void *mkt_alloc_zero(size_t bytes);

/* A copy of a text, which the caller owns; NULL is copied as NULL. False when memory is short. */
bool mkt_alloc_copy(char **copy, const char *text);

/* NULL when memory is short, and then the old block is unchanged. */
void *mkt_resize(void *block, size_t bytes);

void mkt_free(void *block);

#endif
