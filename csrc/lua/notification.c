#include "lua/notification.h"

#include "core/digest.h"
#include "core/notification.h"
#include "lua/json_value.h"
#include "lua/push.h"

#include <string.h>

static const char metatable_name[] = "marketplace.notification";

static const char *check_body(lua_State *L, size_t *n) {
  luaL_checktype(L, 1, LUA_TSTRING);
  return lua_tolstring(L, 1, n);
}

static void set_text(lua_State *L, const char *field, mkt_json_text text) {
  if (text.p == NULL) return;
  mkt_lua_push_text(L, text);
  lua_setfield(L, -2, field);
}

static void set_json(lua_State *L, const char *field, mkt_json_text value) {
  if (value.p == NULL) return;
  mkt_lua_push_json(L, value);
  lua_setfield(L, -2, field);
}

static void set_body(lua_State *L) {
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "body");
}

/* The known types' names and the events, as Lua strings, are the functions' upvalue: names longer
 * than 40 bytes would be copied for each notification. */
enum { NAMES_UPVALUE = 1 };

static void push_names(lua_State *L) {
  lua_createtable(L, MKT_TYPE_COUNT + MKT_EVENT_COUNT, 0);
  for (int i = 0; i < MKT_TYPE_COUNT; i++) {
    lua_pushstring(L, mkt_type_name(i));
    lua_rawseti(L, -2, i + 1);
  }
  for (int i = 0; i < MKT_EVENT_COUNT; i++) {
    lua_pushstring(L, mkt_event_word((mkt_event)i));
    lua_rawseti(L, -2, MKT_TYPE_COUNT + i + 1);
  }
}

static void set_type(lua_State *L, const mkt_notification *notification) {
  if (notification->known_type == MKT_TYPE_UNKNOWN) {
    set_text(L, "type", notification->type);
    return;
  }
  lua_rawgeti(L, lua_upvalueindex(NAMES_UPVALUE), notification->known_type + 1);
  lua_setfield(L, -2, "type");
}

static void set_event(lua_State *L, const mkt_notification *notification) {
  lua_rawgeti(L, lua_upvalueindex(NAMES_UPVALUE), MKT_TYPE_COUNT + (int)notification->event + 1);
  lua_setfield(L, -2, "event");
}

static void push_timestamp(lua_State *L, const mkt_timestamp *time) {
  lua_pushnumber(L, (lua_Number)time->seconds + (lua_Number)time->nanoseconds / 1e9);
}

static void set_time(lua_State *L, const mkt_notification *notification) {
  if (!notification->has_time) return;
  push_timestamp(L, &notification->time);
  lua_setfield(L, -2, "time");
}

/* Seconds since the epoch of an ISO 8601 time; nil for any other text. */
static int timestamp(lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  mkt_timestamp time;
  if (!mkt_timestamp_parse(text, n, &time)) return 0;
  push_timestamp(L, &time);
  return 1;
}

/* Generation 2 names one package where generation 1 lists several: a callback reads the list. */
static void set_package_ids(lua_State *L, const mkt_notification *notification) {
  bool one_of_generation_2 = notification->package_ids.p == NULL &&
                             notification->package_id.p != NULL &&
                             (notification->event == MKT_EVENT_VERSIONS_UNAVAILABLE ||
                              notification->event == MKT_EVENT_VERSIONS_RESTORED);
  if (!one_of_generation_2) {
    set_json(L, "package_ids", notification->package_ids);
    return;
  }
  lua_createtable(L, 1, 0);
  mkt_lua_push_text(L, notification->package_id);
  lua_rawseti(L, -2, 1);
  lua_setfield(L, -2, "package_ids");
}

static int parse(lua_State *L) {
  size_t n;
  const char *body = check_body(L, &n);
  mkt_notification notification;
  mkt_error error;
  if (mkt_notification_parse(body, n, &notification, &error) != MKT_OK) {
    return mkt_push_error(L, &error);
  }
  lua_createtable(L, 0, 16);
  set_text(L, "id", notification.id);
  set_type(L, &notification);
  set_json(L, "version", notification.version);
  lua_pushinteger(L, notification.generation);
  lua_setfield(L, -2, "generation");
  set_event(L, &notification);
  set_text(L, "timestamp", notification.timestamp);
  set_time(L, &notification);
  set_text(L, "app_id", notification.app_id);
  set_text(L, "marketplace_app_id", notification.marketplace_app_id);
  set_text(L, "package_id", notification.package_id);
  set_text(L, "package_version_id", notification.package_version_id);
  set_package_ids(L, &notification);
  set_json(L, "territories", notification.territories);
  set_body(L);
  luaL_getmetatable(L, metatable_name);
  lua_setmetatable(L, -2);
  return 1;
}

static int part(lua_State *L) {
  size_t n;
  const char *body = check_body(L, &n);
  const char *name = luaL_checkstring(L, 2);
  mkt_notification notification;
  mkt_error error;
  if (mkt_notification_parse(body, n, &notification, &error) != MKT_OK) {
    return mkt_push_error(L, &error);
  }
  bool attributes = strcmp(name, "attributes") == 0;
  mkt_json_text value = attributes ? notification.attributes : notification.relationships;
  if (value.p == NULL) return 0;
  mkt_lua_push_json(L, value);
  return 1;
}

static mkt_code push_sha256(lua_State *L, const char *body, size_t n, mkt_error *error) {
  static const char digits[] = "0123456789abcdef";
  unsigned char digest[MKT_SHA256_BYTES];
  mkt_code code = mkt_sha256(body, n, digest, error);
  if (code != MKT_OK) return code;
  char hex[2 * MKT_SHA256_BYTES];
  for (size_t i = 0; i < MKT_SHA256_BYTES; i++) {
    hex[2 * i] = digits[digest[i] >> 4];
    hex[2 * i + 1] = digits[digest[i] & 15];
  }
  lua_pushlstring(L, hex, sizeof hex);
  return MKT_OK;
}

static int sha256(lua_State *L) {
  size_t n;
  const char *body = check_body(L, &n);
  mkt_error error;
  if (push_sha256(L, body, n, &error) != MKT_OK) return mkt_push_error(L, &error);
  return 1;
}

static int envelope(lua_State *L) {
  size_t n;
  const char *body = check_body(L, &n);
  mkt_notification notification;
  mkt_error error;
  lua_settop(L, 1);
  if (mkt_notification_parse(body, n, &notification, &error) != MKT_OK ||
      push_sha256(L, body, n, &error) != MKT_OK) {
    return mkt_push_error(L, &error);
  }
  /* room for what an inbox in memory adds, which keeps the table itself */
  lua_createtable(L, 0, 16);
  if (notification.id.p != NULL) {
    mkt_lua_push_text(L, notification.id);
  } else {
    lua_pushvalue(L, 2);
  }
  lua_setfield(L, -2, "key");
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "digest");
  set_type(L, &notification);
  set_event(L, &notification);
  set_text(L, "app_id", notification.app_id);
  set_time(L, &notification);
  set_body(L);
  return 1;
}

void mkt_lua_add_notification(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"part", part}, {"sha256", sha256}, {"timestamp", timestamp}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  push_names(L);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, parse, 1);
  lua_setfield(L, -3, "parse");
  lua_pushcclosure(L, envelope, 1);
  lua_setfield(L, -2, "envelope");
  (void)luaL_newmetatable(L, metatable_name);
  lua_setfield(L, -2, "notification");
}
