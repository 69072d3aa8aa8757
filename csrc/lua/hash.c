#include "lua/hash.h"

#include "core/hash.h"
#include "core/hex.h"
#include "lua/class.h"
#include "lua/push.h"

#define TYPE "marketplace.hash"

typedef struct hash_box {
  mkt_hash *hash; /* NULL before it is open and after it is closed */
} hash_box;

static mkt_hash *check_hash(lua_State *L) {
  hash_box *box = luaL_checkudata(L, 1, TYPE);
  if (box->hash == NULL) luaL_error(L, "the hash is closed");
  return box->hash;
}

/* h:add(bytes) -> true */
static int hash_add(lua_State *L) {
  size_t n;
  mkt_error error;
  /* to make a number a string can run a finalizer, which may close the hash */
  const char *bytes = luaL_checklstring(L, 2, &n);
  return mkt_lua_push_outcome(L, mkt_hash_add(check_hash(L), bytes, n, &error), &error);
}

/* h:copy() -> another one */
static int hash_copy(lua_State *L) {
  mkt_error error;
  (void)check_hash(L);
  hash_box *copy = mkt_lua_new(L, TYPE, sizeof *copy);
  /* to make it can run a finalizer, which may have closed the first one */
  if (mkt_hash_copy(&copy->hash, check_hash(L), &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  return 1;
}

/* h:hex() -> the digest so far, in lower-case hex digits */
static int hash_hex(lua_State *L) {
  unsigned char digest[MKT_HASH_BYTES_MOST];
  char text[2 * MKT_HASH_BYTES_MOST];
  size_t n;
  mkt_error error;
  if (mkt_hash_digest(check_hash(L), digest, &n, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  mkt_hex(digest, n, text);
  lua_pushlstring(L, text, 2 * n);
  return 1;
}

static int hash_close(lua_State *L) {
  hash_box *box = luaL_checkudata(L, 1, TYPE);
  mkt_hash_close(box->hash);
  box->hash = NULL;
  return 0;
}

/* hash("sha256"|"md5") -> an empty one */
static int open_hash(lua_State *L) {
  static const char *const names[] = {"sha256", "md5", NULL};
  static const char *const kinds[] = {"SHA256", "MD5"};
  const char *kind = kinds[luaL_checkoption(L, 1, NULL, names)];
  mkt_error error;
  hash_box *box = mkt_lua_new(L, TYPE, sizeof *box);
  if (mkt_hash_open(&box->hash, kind, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  return 1;
}

void mkt_lua_add_hash(lua_State *L) {
  static const luaL_Reg methods[] = {{"add", hash_add},
                                     {"copy", hash_copy},
                                     {"hex", hash_hex},
                                     {"close", hash_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", hash_close}, {"__close", hash_close}, {NULL, NULL}};
  mkt_lua_class(L, TYPE, methods, metamethods);
  lua_pushcfunction(L, open_hash);
  lua_setfield(L, -2, "hash");
}
