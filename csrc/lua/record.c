#include "lua/record.h"

#include "core/digest.h"
#include "core/hex.h"
#include "lua/json_value.h"
#include "lua/notification_fields.h"
#include "lua/push.h"

/* Those that a notification gives it, and the one that the receiver adds. */
enum { FIELDS = 8 };

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
  if (push_sha256(L, body, n, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  return 1;
}

/* Of the record on top of the stack, whose digest is below it. */
static void set_key_and_digest(lua_State *L, const mkt_notification *notification) {
  const int digest = lua_gettop(L) - 1;
  if (notification->id.p != NULL) {
    mkt_lua_set_text(L, MKT_LUA_KEY, notification->id);
  } else {
    mkt_lua_set_value(L, MKT_LUA_KEY, digest);
  }
  mkt_lua_set_value(L, MKT_LUA_DIGEST, digest);
  lua_remove(L, digest);
}

mkt_code mkt_lua_push_record(lua_State *L, int body, mkt_error *error) {
  size_t n;
  const char *text = lua_tolstring(L, body, &n);
  mkt_notification notification;
  mkt_code code = mkt_notification_parse(text, n, &notification, error);
  if (code == MKT_OK) code = push_sha256(L, text, n, error);
  if (code != MKT_OK) return code;
  lua_createtable(L, 0, FIELDS);
  set_key_and_digest(L, &notification);
  mkt_lua_set_value(L, MKT_LUA_BODY, body);
  mkt_lua_set_type(L, &notification);
  mkt_lua_set_event(L, &notification);
  mkt_lua_set_text(L, MKT_LUA_APP_ID, notification.app_id);
  mkt_lua_set_time(L, &notification);
  return MKT_OK;
}

static int envelope(lua_State *L) {
  luaL_checktype(L, 1, LUA_TSTRING);
  mkt_error error;
  if (mkt_lua_push_record(L, 1, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  return 1;
}

void mkt_lua_add_record(lua_State *L) {
  static const luaL_Reg functions[] = {{"sha256", sha256}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  mkt_lua_push_names(L);
  lua_pushcclosure(L, envelope, 1);
  lua_setfield(L, -2, "envelope");
}
