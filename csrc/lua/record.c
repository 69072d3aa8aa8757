#include "lua/record.h"

#include "core/digest.h"
#include "core/hex.h"
#include "lua/json_value.h"
#include "lua/notification_fields.h"
#include "lua/push.h"

static const char metatable_name[] = "marketplace.record";

/* What the record is made with, and what the receiver adds. */
enum { FIRST_FIELDS = 4 };

static mkt_code push_sha256(lua_State *L, const char *body, size_t n, mkt_error *error) {
  unsigned char digest[MKT_SHA256_BYTES];
  mkt_code code = mkt_sha256(body, n, digest, error);
  if (code != MKT_OK) return code;
  char hex[2 * MKT_SHA256_BYTES];
  mkt_hex(digest, sizeof digest, hex);
  lua_pushlstring(L, hex, sizeof hex);
  return MKT_OK;
}

static int sha256(lua_State *L) {
  luaL_checktype(L, 1, LUA_TSTRING);
  size_t n;
  const char *body = lua_tolstring(L, 1, &n);
  mkt_error error;
  if (push_sha256(L, body, n, &error) != MKT_OK) return mkt_push_error(L, &error);
  return 1;
}

static mkt_code push_key(lua_State *L, int body, const mkt_notification *notification,
                         mkt_error *error) {
  if (notification->id.p != NULL) {
    mkt_lua_push_text(L, notification->id);
    return MKT_OK;
  }
  size_t n;
  const char *text = lua_tolstring(L, body, &n);
  return push_sha256(L, text, n, error);
}

mkt_code mkt_lua_push_record(lua_State *L, int body, const mkt_notification *notification,
                             mkt_error *error) {
  mkt_code code = push_key(L, body, notification, error);
  if (code != MKT_OK) return code;
  lua_createtable(L, 0, FIRST_FIELDS);
  lua_insert(L, -2);
  lua_setfield(L, -2, "key");
  lua_pushvalue(L, body);
  lua_setfield(L, -2, "body");
  luaL_getmetatable(L, metatable_name);
  lua_setmetatable(L, -2);
  return MKT_OK;
}

/* Fills in the rest of the record at index 1. The metatable goes last: what fails before that is
 * done again. */
static void fill(lua_State *L) {
  lua_pushliteral(L, "body");
  lua_rawget(L, 1);
  size_t n;
  const char *body = lua_tolstring(L, -1, &n);
  mkt_notification notification;
  mkt_error error;
  if (body == NULL || mkt_notification_parse(body, n, &notification, &error) != MKT_OK) {
    luaL_error(L, "the body of a record was changed");
    return;
  }
  if (push_sha256(L, body, n, &error) != MKT_OK) {
    luaL_error(L, "%s", error.message);
    return;
  }
  lua_setfield(L, 1, "digest");
  lua_pushvalue(L, 1);
  mkt_lua_set_type(L, &notification);
  mkt_lua_set_event(L, &notification);
  mkt_lua_set_text(L, "app_id", notification.app_id);
  mkt_lua_set_time(L, &notification);
  lua_pushnil(L);
  lua_setmetatable(L, 1);
}

static int read_field(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  fill(L);
  lua_pushvalue(L, 2);
  lua_rawget(L, 1);
  return 1;
}

static int envelope(lua_State *L) {
  luaL_checktype(L, 1, LUA_TSTRING);
  size_t n;
  const char *body = lua_tolstring(L, 1, &n);
  mkt_notification notification;
  mkt_error error;
  if (mkt_notification_parse(body, n, &notification, &error) != MKT_OK ||
      mkt_lua_push_record(L, 1, &notification, &error) != MKT_OK) {
    return mkt_push_error(L, &error);
  }
  return 1;
}

void mkt_lua_add_record(lua_State *L) {
  static const luaL_Reg functions[] = {{"envelope", envelope}, {"sha256", sha256}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  (void)luaL_newmetatable(L, metatable_name);
  mkt_lua_push_names(L);
  lua_pushcclosure(L, read_field, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
