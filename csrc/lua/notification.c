#include "lua/notification.h"

#include "core/notification.h"
#include "lua/json_value.h"
#include "lua/notification_fields.h"
#include "lua/push.h"

#include <string.h>

static const char metatable_name[] = "marketplace.notification";

static const char *check_body(lua_State *L, size_t *n) {
  luaL_checktype(L, 1, LUA_TSTRING);
  return lua_tolstring(L, 1, n);
}

static void set_json(lua_State *L, mkt_lua_field field, mkt_json_value value) {
  if (value.p == NULL) return;
  mkt_lua_push_field(L, field);
  mkt_lua_push_json(L, value);
  lua_rawset(L, -3);
}

static void set_generation(lua_State *L, const mkt_notification *notification) {
  mkt_lua_push_field(L, MKT_LUA_GENERATION);
  lua_pushinteger(L, notification->generation);
  lua_rawset(L, -3);
}

/* Generation 2 names one package where generation 1 lists several: a callback reads the list. */
static void set_package_ids(lua_State *L, const mkt_notification *notification) {
  bool one_of_generation_2 = notification->package_ids.p == NULL &&
                             notification->package_id.p != NULL &&
                             (notification->event == MKT_EVENT_VERSIONS_UNAVAILABLE ||
                              notification->event == MKT_EVENT_VERSIONS_RESTORED);
  if (!one_of_generation_2) {
    set_json(L, MKT_LUA_PACKAGE_IDS, notification->package_ids);
    return;
  }
  mkt_lua_push_field(L, MKT_LUA_PACKAGE_IDS);
  lua_createtable(L, 1, 0);
  mkt_lua_push_text(L, notification->package_id);
  lua_rawseti(L, -2, 1);
  lua_rawset(L, -3);
}

/* Its upvalues: the names, and the metatable. */
static int parse(lua_State *L) {
  size_t n;
  const char *body = check_body(L, &n);
  mkt_notification notification;
  mkt_error error;
  if (mkt_notification_parse(body, n, &notification, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  lua_createtable(L, 0, 16);
  mkt_lua_set_text(L, MKT_LUA_ID, notification.id);
  mkt_lua_set_type(L, &notification);
  set_json(L, MKT_LUA_VERSION, notification.version);
  set_generation(L, &notification);
  mkt_lua_set_event(L, &notification);
  mkt_lua_set_text(L, MKT_LUA_TIMESTAMP, notification.timestamp);
  mkt_lua_set_time(L, &notification);
  mkt_lua_set_text(L, MKT_LUA_APP_ID, notification.app_id);
  mkt_lua_set_text(L, MKT_LUA_MARKETPLACE_APP_ID, notification.marketplace_app_id);
  mkt_lua_set_text(L, MKT_LUA_PACKAGE_ID, notification.package_id);
  mkt_lua_set_text(L, MKT_LUA_PACKAGE_VERSION_ID, notification.package_version_id);
  set_package_ids(L, &notification);
  set_json(L, MKT_LUA_TERRITORIES, notification.territories);
  mkt_lua_set_value(L, MKT_LUA_BODY, 1);
  lua_pushvalue(L, lua_upvalueindex(2));
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
    return mkt_lua_push_error(L, &error);
  }
  bool attributes = strcmp(name, "attributes") == 0;
  mkt_json_value value = attributes ? notification.attributes : notification.relationships;
  if (value.p == NULL) return 0;
  mkt_lua_push_json(L, value);
  return 1;
}

void mkt_lua_add_notification(lua_State *L) {
  static const luaL_Reg functions[] = {{"part", part}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  (void)luaL_newmetatable(L, metatable_name);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "notification");
  mkt_lua_push_names(L);
  lua_insert(L, -2);
  lua_pushcclosure(L, parse, 2);
  lua_setfield(L, -2, "parse");
}
