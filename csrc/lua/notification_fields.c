#include "lua/notification_fields.h"

#include "lua/json_value.h"
#include "lua/times.h"

void mkt_lua_push_names(lua_State *L) {
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

static void set_name(lua_State *L, const char *field, int place) {
  lua_rawgeti(L, lua_upvalueindex(1), place);
  lua_setfield(L, -2, field);
}

void mkt_lua_set_type(lua_State *L, const mkt_notification *notification) {
  if (notification->known_type == MKT_TYPE_UNKNOWN) {
    mkt_lua_set_text(L, "type", notification->type);
  } else {
    set_name(L, "type", notification->known_type + 1);
  }
}

void mkt_lua_set_event(lua_State *L, const mkt_notification *notification) {
  set_name(L, "event", MKT_TYPE_COUNT + (int)notification->event + 1);
}

void mkt_lua_set_text(lua_State *L, const char *field, mkt_json_text text) {
  if (text.p == NULL) return;
  mkt_lua_push_text(L, text);
  lua_setfield(L, -2, field);
}

void mkt_lua_set_time(lua_State *L, const mkt_notification *notification) {
  if (!notification->has_time) return;
  mkt_lua_push_timestamp(L, &notification->time);
  lua_setfield(L, -2, "time");
}
