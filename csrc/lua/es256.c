#include "lua/es256.h"

#include "core/base64url.h"
#include "core/es256.h"
#include "lua/class.h"
#include "lua/push.h"

#include <openssl/crypto.h>
#include <stdbool.h>

static const char metatable_name[] = "marketplace.es256";

typedef struct key_box {
  mkt_es256_key key;
  bool is_private;
} key_box;

/* Comes last of the checks: a number that is made into a string can run a finalizer. */
static key_box *check_open(lua_State *L) {
  key_box *box = luaL_checkudata(L, 1, metatable_name);
  luaL_argcheck(L, box->key.pkey != NULL, 1, "the key is closed");
  return box;
}

static int key_close(lua_State *L) {
  key_box *box = luaL_checkudata(L, 1, metatable_name);
  mkt_es256_clear(&box->key);
  return 0;
}

static int key_sign(lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 2, &n);
  key_box *box = check_open(L);
  luaL_argcheck(L, box->is_private, 1, "a public key cannot sign");
  unsigned char signature[MKT_ES256_SIGNATURE_BYTES];
  mkt_error error;
  if (mkt_es256_sign(&box->key, text, n, signature, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  lua_pushlstring(L, (const char *)signature, sizeof signature);
  return 1;
}

static int key_verify(lua_State *L) {
  size_t n;
  size_t signature_n;
  const char *text = luaL_checklstring(L, 2, &n);
  const char *signature = luaL_checklstring(L, 3, &signature_n);
  key_box *box = check_open(L);
  mkt_error error;
  mkt_code code =
      mkt_es256_verify(&box->key, text, n, (const unsigned char *)signature, signature_n, &error);
  return mkt_lua_push_outcome(L, code, &error);
}

static int push_pem(lua_State *L, const key_box *box, bool is_private) {
  char pem[MKT_ES256_PEM_BYTES];
  size_t n;
  mkt_error error;
  mkt_code code = is_private ? mkt_es256_write_private(&box->key, pem, &n, &error)
                             : mkt_es256_write_public(&box->key, pem, &n, &error);
  if (code != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushlstring(L, pem, n);
  OPENSSL_cleanse(pem, sizeof pem);
  return 1;
}

static int key_private_pem(lua_State *L) {
  key_box *box = check_open(L);
  luaL_argcheck(L, box->is_private, 1, "a public key does not contain the private one");
  return push_pem(L, box, true);
}

static int key_public_pem(lua_State *L) {
  return push_pem(L, check_open(L), false);
}

static key_box *new_box(lua_State *L, bool is_private) {
  key_box *box = mkt_lua_new(L, metatable_name, sizeof *box);
  box->is_private = is_private;
  return box;
}

static int generate_key(lua_State *L) {
  key_box *box = new_box(L, true);
  mkt_error error;
  return mkt_es256_generate(&box->key, &error) == MKT_OK ? 1 : mkt_lua_push_error(L, &error);
}

static int read_key(lua_State *L, bool is_private) {
  size_t n;
  const char *pem = luaL_checklstring(L, 1, &n);
  key_box *box = new_box(L, is_private);
  mkt_error error;
  mkt_code code = is_private ? mkt_es256_read_private(&box->key, pem, n, &error)
                             : mkt_es256_read_public(&box->key, pem, n, &error);
  return code == MKT_OK ? 1 : mkt_lua_push_error(L, &error);
}

static int private_key(lua_State *L) {
  return read_key(L, true);
}

static int private_key_file(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  key_box *box = new_box(L, true);
  mkt_error error;
  if (mkt_es256_read_private_file(&box->key, path, &error) == MKT_OK) return 1;
  return mkt_lua_push_error(L, &error);
}

static int public_key(lua_State *L) {
  return read_key(L, false);
}

static int base64url(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  size_t length = mkt_base64url_length(n);
  char *text = lua_newuserdata(L, length);
  mkt_base64url_encode((const unsigned char *)bytes, n, text);
  lua_pushlstring(L, text, length);
  return 1;
}

static int base64url_decode(lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  size_t length = mkt_base64url_decoded_length(n);
  unsigned char *bytes = lua_newuserdata(L, length);
  if (!mkt_base64url_decode(text, n, bytes, &length)) return 0;
  lua_pushlstring(L, (const char *)bytes, length);
  return 1;
}

void mkt_lua_add_es256(lua_State *L) {
  static const luaL_Reg methods[] = {{"sign", key_sign},
                                     {"verify", key_verify},
                                     {"private_pem", key_private_pem},
                                     {"public_pem", key_public_pem},
                                     {"close", key_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", key_close}, {"__close", key_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"private_key", private_key},
                                       {"private_key_file", private_key_file},
                                       {"public_key", public_key},
                                       {"generate_key", generate_key},
                                       {"base64url", base64url},
                                       {"base64url_decode", base64url_decode},
                                       {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
