#include "torture/allocations.h"

#ifdef __SANITIZE_ADDRESS__
#define SYSTEM(name) __interceptor_##name
#else
#define SYSTEM(name) __libc_##name
#endif

extern void *SYSTEM(malloc)(size_t bytes);
extern void *SYSTEM(calloc)(size_t count, size_t bytes);
extern void *SYSTEM(realloc)(void *block, size_t bytes);
extern void SYSTEM(free)(void *block);

static _Thread_local struct {
  bool is_armed, has_failed;
  mkt_torture_whose whose;
  mkt_torture_how how;
  long left; /* allocations until the one that fails */
  const void *caller;
} plan;

static long system_blocks;
static size_t lua_bytes;

void mkt_torture_arm(mkt_torture_whose whose, mkt_torture_how how, long n) {
  plan.whose = whose;
  plan.how = how;
  plan.left = n;
  plan.has_failed = false;
  plan.caller = NULL;
  plan.is_armed = true;
}

bool mkt_torture_disarm(void) {
  plan.is_armed = false;
  return plan.has_failed;
}

const void *mkt_torture_caller(void) {
  return plan.caller;
}

long mkt_torture_system_blocks(void) {
#ifdef __SANITIZE_ADDRESS__
  return 0;
#else
  return __atomic_load_n(&system_blocks, __ATOMIC_RELAXED);
#endif
}

size_t mkt_torture_lua_bytes(void) {
  return lua_bytes;
}

static bool must_fail(mkt_torture_whose whose, const void *caller) {
  if (!plan.is_armed || plan.whose != whose) return false;
  if (plan.left > 1) {
    plan.left--;
    return false;
  }
  if (plan.has_failed && plan.how == MKT_TORTURE_ONCE) return false;
  if (!plan.has_failed) plan.caller = caller;
  plan.has_failed = true;
  return true;
}

static void count(const void *block, long change) {
  if (block != NULL) (void)__atomic_fetch_add(&system_blocks, change, __ATOMIC_RELAXED);
}

void *mkt_torture_lua(void *context, void *block, size_t old_bytes, size_t bytes) {
  (void)context;
  if (block == NULL) old_bytes = 0; /* then it says what kind of object is made */
  if (bytes == 0) {
    SYSTEM(free)(block);
    lua_bytes -= old_bytes;
    return NULL;
  }
  /* what shrinks must not fail */
  if (bytes > old_bytes && must_fail(MKT_TORTURE_LUA, NULL)) return NULL;
  void *moved = SYSTEM(realloc)(block, bytes);
  if (moved != NULL) lua_bytes += bytes - old_bytes;
  return moved;
}

__attribute__((visibility("default"))) void *malloc(size_t bytes) {
  if (must_fail(MKT_TORTURE_SYSTEM, __builtin_return_address(0))) return NULL;
  void *block = SYSTEM(malloc)(bytes);
  count(block, 1);
  return block;
}

__attribute__((visibility("default"))) void *calloc(size_t items, size_t bytes) {
  if (must_fail(MKT_TORTURE_SYSTEM, __builtin_return_address(0))) return NULL;
  void *block = SYSTEM(calloc)(items, bytes);
  count(block, 1);
  return block;
}

__attribute__((visibility("default"))) void *realloc(void *block, size_t bytes) {
  if (bytes > 0 && must_fail(MKT_TORTURE_SYSTEM, __builtin_return_address(0))) return NULL;
  void *moved = SYSTEM(realloc)(block, bytes);
  if (block == NULL) count(moved, 1);
  if (block != NULL && bytes == 0) count(block, -1);
  return moved;
}

__attribute__((visibility("default"))) void free(void *block) {
  count(block, -1);
  SYSTEM(free)(block);
}
