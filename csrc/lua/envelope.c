#include "lua/envelope.h"

#include "core/envelope.h"
#include "lua/class.h"
#include "lua/path.h"
#include "lua/push.h"

#include <openssl/crypto.h>

static const char metatable_name[] = "marketplace.envelope_key";

/* Comes last of the checks: a number that is made into a string can run a finalizer. */
static mkt_envelope_key *check_open(lua_State *L, int argument) {
  mkt_envelope_key *key = luaL_checkudata(L, argument, metatable_name);
  luaL_argcheck(L, key->pkey != NULL, argument, "the key is closed");
  return key;
}

static int key_close(lua_State *L) {
  mkt_envelope_key_clear(luaL_checkudata(L, 1, metatable_name));
  return 0;
}

static const unsigned char *check_bytes(lua_State *L, int argument, size_t *n) {
  return (const unsigned char *)luaL_checklstring(L, argument, n);
}

/* Stack: the key, two texts, a userdata of the length of the second one. */
static int push_opened(lua_State *L, mkt_code code, size_t n, const mkt_error *error) {
  if (code != MKT_OK && code != MKT_ERR_ENVELOPE_INVALID) return mkt_lua_push_error(L, error);
  lua_pushlstring(L, lua_touserdata(L, 4), n);
  if (code == MKT_OK) return 1;
  lua_pushstring(L, error->message);
  return 2;
}

/* The userdata is Lua's own, so that nothing is lost if what is pushed raises; it is wiped in any
 * case but that. */
static int key_open(lua_State *L) {
  size_t wrapped_n;
  size_t sealed_n;
  size_t n;
  const unsigned char *wrapped = check_bytes(L, 2, &wrapped_n);
  const unsigned char *sealed = check_bytes(L, 3, &sealed_n);
  lua_settop(L, 3);
  const size_t room = sealed_n <= MKT_ENVELOPE_TEXT_MOST ? sealed_n : 0;
  unsigned char *text = lua_newuserdata(L, room);
  const mkt_envelope_key *key = check_open(L, 1);
  luaL_argcheck(L, key->is_private, 1, "a public key opens nothing");
  mkt_error error;
  mkt_code code = mkt_envelope_open(key, wrapped, wrapped_n, sealed, sealed_n, text, &n, &error);
  int count = push_opened(L, code, n, &error);
  OPENSSL_cleanse(text, room);
  return count;
}

static int key_seal(lua_State *L) {
  size_t n;
  size_t secret_n = MKT_ENVELOPE_SECRET_BYTES;
  const unsigned char *text = check_bytes(L, 2, &n);
  const unsigned char *secret = lua_isnoneornil(L, 3) ? NULL : check_bytes(L, 3, &secret_n);
  luaL_argcheck(L, secret_n == MKT_ENVELOPE_SECRET_BYTES, 3, "not 32 bytes");
  luaL_argcheck(L, n < MKT_ENVELOPE_TEXT_MOST, 2, "too long");
  unsigned char wrapped[MKT_ENVELOPE_KEY_BYTES];
  const size_t sealed_n = mkt_envelope_sealed_length(n);
  unsigned char *sealed = lua_newuserdata(L, sealed_n);
  mkt_error error;
  if (mkt_envelope_seal(check_open(L, 1), secret, text, n, wrapped, sealed, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  lua_pushlstring(L, (const char *)wrapped, sizeof wrapped);
  lua_pushlstring(L, (const char *)sealed, sealed_n);
  return 2;
}

static int key_is_same(lua_State *L) {
  lua_pushboolean(L, mkt_envelope_key_is_same(check_open(L, 1), check_open(L, 2)));
  return 1;
}

static int read_key(lua_State *L,
                    mkt_code read(mkt_envelope_key *, const char *, size_t, mkt_error *)) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  mkt_envelope_key *key = mkt_lua_new(L, metatable_name, sizeof *key);
  mkt_error error;
  return read(key, bytes, n, &error) == MKT_OK ? 1 : mkt_lua_push_error(L, &error);
}

static int envelope_key(lua_State *L) {
  return read_key(L, mkt_envelope_key_read);
}

static int envelope_certificate(lua_State *L) {
  return read_key(L, mkt_envelope_key_read_certificate);
}

static int envelope_key_file(lua_State *L) {
  const char *path = mkt_lua_check_path(L, 1);
  mkt_envelope_key *key = mkt_lua_new(L, metatable_name, sizeof *key);
  mkt_error error;
  if (mkt_envelope_key_read_file(key, path, &error) == MKT_OK) return 1;
  return mkt_lua_push_error(L, &error);
}

static int check_certificate(lua_State *L) {
  size_t n;
  mkt_error error;
  const char *bytes = luaL_checklstring(L, 1, &n);
  return mkt_lua_push_outcome(L, mkt_envelope_check_certificate(bytes, n, &error), &error);
}

void mkt_lua_add_envelope(lua_State *L) {
  static const luaL_Reg methods[] = {{"open", key_open},
                                     {"seal", key_seal},
                                     {"is_same", key_is_same},
                                     {"close", key_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", key_close}, {"__close", key_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"envelope_key", envelope_key},
                                       {"envelope_key_file", envelope_key_file},
                                       {"envelope_certificate", envelope_certificate},
                                       {"check_certificate", check_certificate},
                                       {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
