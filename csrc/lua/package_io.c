#include "lua/package_io.h"

#include "core/hex.h"
#include "core/openssl_version.h"
#include "lua/fields.h"
#include "lua/pin.h"

#include <string.h>

enum { HEX_DIGITS = 2 * MKT_PACKAGE_SHA256_BYTES };
static const lua_Number most_bytes = 4398046511104.0; /* 4 TiB */

/* ---- Assets ---- */

static uint64_t whole_field(lua_State *L, const char *name) {
  lua_Number value = mkt_lua_number_field(L, 1, name, 0, most_bytes);
  if (value != (lua_Number)(uint64_t)value) luaL_error(L, "field '%s' must be an integer", name);
  return (uint64_t)value;
}

static int nibble(char digit) {
  static const char digits[] = "0123456789abcdef0123456789ABCDEF";
  const char *at = memchr(digits, digit, sizeof digits - 1);
  return at == NULL ? -1 : (int)(at - digits) % 16;
}

static bool unhex(const char *hex, size_t n, unsigned char *out) {
  if (n != HEX_DIGITS) return false;
  for (size_t i = 0; i < n / 2; i++) {
    int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (unsigned char)(high << 4 | low);
  }
  return true;
}

/* Stack: the list, the userdata that the digests are written to. */
static void read_digests(lua_State *L, int list, unsigned char *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    size_t n = 0;
    lua_rawgeti(L, list, (int)i + 1);
    const char *hex = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
    if (hex == NULL || !unhex(hex, n, out + i * MKT_PACKAGE_SHA256_BYTES)) {
      luaL_error(L, "digest %d is not 64 hex digits", (int)i + 1);
    }
    lua_pop(L, 1);
  }
}

/* NULL if there are none to compare. */
static const unsigned char *digests_field(lua_State *L, uint64_t chunks) {
  mkt_lua_get_field(L, 1, "digests");
  if (lua_isnil(L, -1)) return NULL;
  int list = lua_gettop(L);
  if (!lua_istable(L, list)) luaL_error(L, "field 'digests' must be a list of strings");
  size_t count = (size_t)lua_rawlen(L, list);
  if (count != chunks) {
    luaL_error(L, "field 'digests' has %d, but there are %d chunks", (int)count, (int)chunks);
  }
  if (count > MKT_PACKAGE_MOST_CHUNKS) {
    luaL_error(L, "more than %d chunks", (int)MKT_PACKAGE_MOST_CHUNKS);
  }
  unsigned char *digests = lua_newuserdata(L, count * MKT_PACKAGE_SHA256_BYTES);
  read_digests(L, list, digests, count);
  return count > 0 ? digests : NULL;
}

void mkt_lua_read_asset(lua_State *L, const char **path, mkt_package_wanted *wanted) {
  luaL_checktype(L, 1, LUA_TTABLE);
  *path = mkt_lua_required_word(L, 1, "path");
  *wanted = (mkt_package_wanted){
      .size = whole_field(L, "size"),
      .chunk_size = whole_field(L, "chunk_size"),
      .sha256 = mkt_lua_flag_field(L, 1, "sha256"),
      .md5 = mkt_lua_flag_field(L, 1, "md5"),
  };
  wanted->chunks = digests_field(L, mkt_package_chunks(wanted->size, wanted->chunk_size));
}

static void set_hex(lua_State *L, const char *field, const unsigned char *digest, size_t n) {
  char hex[HEX_DIGITS];
  mkt_hex(digest, n, hex);
  lua_pushlstring(L, hex, 2 * n);
  lua_setfield(L, -2, field);
}

static void set_number(lua_State *L, const char *field, uint64_t value) {
  mkt_lua_push_integer(L, value);
  lua_setfield(L, -2, field);
}

int mkt_lua_push_found(lua_State *L, const mkt_package_found *found) {
  lua_createtable(L, 0, 4);
  set_number(L, "size", found->size);
  set_number(L, "chunks", found->chunks);
  if (found->has_sha256) set_hex(L, "sha256", found->sha256, sizeof found->sha256);
  if (found->has_md5) set_hex(L, "md5", found->md5, sizeof found->md5);
  return 1;
}

/* ---- The module ---- */

__attribute__((visibility("default"))) int luaopen_marketplace_package_io(lua_State *L);

int luaopen_marketplace_package_io(lua_State *L) {
  mkt_error error;
  if (mkt_openssl_check(&error) != MKT_OK) return luaL_error(L, "%s", error.message);
  mkt_lua_pin();
  lua_newtable(L);
  mkt_lua_add_package_sink(L);
  mkt_lua_add_package_check(L);
  mkt_lua_add_package_archive(L);
  mkt_lua_add_package_folder(L);
  return 1;
}
