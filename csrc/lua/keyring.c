#include "lua/keyring.h"

#include "core/signature.h"
#include "lua/class.h"
#include "lua/notification_fields.h"
#include "lua/push.h"
#include "lua/record.h"

static const char metatable_name[] = "marketplace.keyring";

static mkt_keyring *check_open(lua_State *L) {
  mkt_keyring *keyring = luaL_checkudata(L, 1, metatable_name);
  luaL_argcheck(L, keyring->count > 0, 1, "the keyring is closed");
  return keyring;
}

static const char *check_string(lua_State *L, int argument, size_t *n) {
  luaL_checktype(L, argument, LUA_TSTRING);
  return lua_tolstring(L, argument, n);
}

static int keyring_close(lua_State *L) {
  mkt_keyring_clear(luaL_checkudata(L, 1, metatable_name));
  return 0;
}

static int keyring_length(lua_State *L) {
  const mkt_keyring *keyring = luaL_checkudata(L, 1, metatable_name);
  lua_pushinteger(L, (lua_Integer)keyring->count);
  return 1;
}

static int keyring_sign(lua_State *L) {
  mkt_keyring *keyring = check_open(L);
  size_t n;
  const char *body = check_string(L, 2, &n);
  char signature[MKT_SIGNATURE_BYTES];
  mkt_error error;
  if (mkt_sign(keyring, body, n, signature, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushlstring(L, signature, sizeof signature);
  return 1;
}

/* Of the header at an index: MKT_OK if it has the form of a signature. */
static mkt_code parse_header(lua_State *L, int index, mkt_error *error) {
  size_t n;
  unsigned char tag[MKT_TAG_BYTES];
  if (lua_isnoneornil(L, index)) return mkt_fail(error, MKT_ERR_SIGNATURE_MISSING, NULL);
  const char *header = check_string(L, index, &n);
  return mkt_signature_parse(header, n, tag, error);
}

static int keyring_check(lua_State *L) {
  mkt_error error;
  (void)check_open(L);
  return mkt_lua_push_outcome(L, parse_header(L, 2, &error), &error);
}

/* Of the body and header at 2 and 3. */
static mkt_code verify(lua_State *L, unsigned *matched, mkt_error *error) {
  mkt_keyring *keyring = check_open(L);
  size_t n;
  size_t header_n;
  const char *body = check_string(L, 2, &n);
  if (lua_isnoneornil(L, 3)) return mkt_fail(error, MKT_ERR_SIGNATURE_MISSING, NULL);
  const char *header = check_string(L, 3, &header_n);
  return mkt_verify(keyring, body, n, header, header_n, matched, error);
}

static int keyring_verify(lua_State *L) {
  unsigned matched = 0;
  mkt_error error;
  if (verify(L, &matched, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushinteger(L, (lua_Integer)matched + 1);
  return 1;
}

static int keyring_receive(lua_State *L) {
  unsigned matched = 0;
  mkt_error error;
  if (verify(L, &matched, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushinteger(L, (lua_Integer)matched + 1);
  if (mkt_lua_push_record(L, 2, &error) != MKT_OK) return 1 + mkt_lua_push_error(L, &error);
  return 2;
}

static void check_secrets(lua_State *L, int count) {
  luaL_argcheck(L, count >= 1, 1, "at least one secret is needed");
  luaL_argcheck(L, count <= MKT_MAX_SECRETS, MKT_MAX_SECRETS + 1, "at most 8 secrets are allowed");
  for (int i = 1; i <= count; i++) {
    size_t n;
    (void)check_string(L, i, &n);
    luaL_argcheck(L, n > 0, i, "a secret is empty");
  }
}

static int keyring_new(lua_State *L) {
  int count = lua_gettop(L);
  check_secrets(L, count);
  mkt_keyring *keyring = mkt_lua_new(L, metatable_name, sizeof *keyring);
  for (int i = 1; i <= count; i++) {
    size_t n;
    const char *secret = lua_tolstring(L, i, &n);
    mkt_error error;
    if (mkt_keyring_add(keyring, secret, n, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  }
  return 1;
}

/* Apart from the other methods, as it has the names as an upvalue. */
static void add_receive(lua_State *L) {
  luaL_getmetatable(L, metatable_name);
  lua_getfield(L, -1, "__index");
  mkt_lua_push_names(L);
  lua_pushcclosure(L, keyring_receive, 1);
  lua_setfield(L, -2, "receive");
  lua_pop(L, 2);
}

void mkt_lua_push_keyring(lua_State *L) {
  static const luaL_Reg methods[] = {{"check", keyring_check},
                                     {"verify", keyring_verify},
                                     {"sign", keyring_sign},
                                     {"close", keyring_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__len", keyring_length}, {"__gc", keyring_close}, {"__close", keyring_close}, {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
  add_receive(L);
  lua_pushcfunction(L, keyring_new);
}
