#include "alloc.h"

#include <stdlib.h>
#include <string.h>

static void *system_resize(void *context, void *block, size_t bytes) {
  (void)context;
  return realloc(block, bytes);
}

static void system_release(void *context, void *block) {
  (void)context;
  free(block);
}

static mkt_allocator active = {system_resize, system_release, NULL};

void mkt_alloc_use(const mkt_allocator *allocator) {
  const mkt_allocator system = {system_resize, system_release, NULL};
  active = allocator != NULL ? *allocator : system;
}

bool mkt_alloc_copy(char **copy, const char *text) {
  *copy = NULL;
  if (text == NULL) return true;
  size_t bytes = strlen(text) + 1;
  *copy = mkt_alloc(bytes);
  if (*copy != NULL) memcpy(*copy, text, bytes);
  return *copy != NULL;
}

void *mkt_resize(void *block, size_t bytes) {
  return active.resize(active.context, block, bytes > 0 ? bytes : 1);
}

void *mkt_alloc(size_t bytes) {
  return mkt_resize(NULL, bytes);
}

void *mkt_alloc_zero(size_t bytes) {
  void *block = mkt_alloc(bytes);
  if (block != NULL) memset(block, 0, bytes);
  return block;
}

void mkt_free(void *block) {
  active.release(active.context, block);
}
