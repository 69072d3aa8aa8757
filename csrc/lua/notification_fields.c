#include "lua/notification_fields.h"

#include "lua/json_value.h"
#include "lua/times.h"

/* Where the names are in their table. */
enum {
  FIRST_FIELD = 1,
  FIRST_TYPE = FIRST_FIELD + MKT_LUA_FIELD_COUNT,
  FIRST_EVENT = FIRST_TYPE + MKT_TYPE_COUNT,
};

static const char *const field_names[] = {
#define MKT_LUA_FIELD_NAME(field, name) name,
    MKT_LUA_FIELDS(MKT_LUA_FIELD_NAME)
#undef MKT_LUA_FIELD_NAME
};

static void add_name(lua_State *L, const char *name, int place) {
  lua_pushstring(L, name);
  lua_rawseti(L, -2, place);
}

void mkt_lua_push_names(lua_State *L) {
  lua_createtable(L, MKT_LUA_FIELD_COUNT + MKT_TYPE_COUNT + MKT_EVENT_COUNT, 0);
  for (int i = 0; i < MKT_LUA_FIELD_COUNT; i++)
    add_name(L, field_names[i], FIRST_FIELD + i);
  for (int i = 0; i < MKT_TYPE_COUNT; i++)
    add_name(L, mkt_type_name(i), FIRST_TYPE + i);
  for (int i = 0; i < MKT_EVENT_COUNT; i++)
    add_name(L, mkt_event_word((mkt_event)i), FIRST_EVENT + i);
}

static void push_name(lua_State *L, int place) {
  lua_rawgeti(L, lua_upvalueindex(1), place);
}

void mkt_lua_push_field(lua_State *L, mkt_lua_field field) {
  push_name(L, FIRST_FIELD + (int)field);
}

static void set_name(lua_State *L, mkt_lua_field field, int place) {
  mkt_lua_push_field(L, field);
  push_name(L, place);
  lua_rawset(L, -3);
}

void mkt_lua_set_type(lua_State *L, const mkt_notification *notification) {
  if (notification->known_type == MKT_TYPE_UNKNOWN) {
    mkt_lua_set_text(L, MKT_LUA_TYPE, notification->type);
  } else {
    set_name(L, MKT_LUA_TYPE, FIRST_TYPE + notification->known_type);
  }
}

void mkt_lua_set_event(lua_State *L, const mkt_notification *notification) {
  set_name(L, MKT_LUA_EVENT, FIRST_EVENT + (int)notification->event);
}

void mkt_lua_set_text(lua_State *L, mkt_lua_field field, mkt_json_text text) {
  if (text.p == NULL) return;
  mkt_lua_push_field(L, field);
  mkt_lua_push_text(L, text);
  lua_rawset(L, -3);
}

void mkt_lua_set_value(lua_State *L, mkt_lua_field field, int index) {
  mkt_lua_push_field(L, field);
  lua_pushvalue(L, index);
  lua_rawset(L, -3);
}

void mkt_lua_set_time(lua_State *L, const mkt_notification *notification) {
  if (!notification->has_time) return;
  mkt_lua_push_field(L, MKT_LUA_TIME);
  mkt_lua_push_timestamp(L, &notification->time);
  lua_rawset(L, -3);
}
