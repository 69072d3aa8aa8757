#include "lua/fields.h"

#include <string.h>

void mkt_lua_get_field(lua_State *L, int table, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, table);
}

const char *mkt_lua_text_field(lua_State *L, int table, const char *name, size_t *n) {
  mkt_lua_get_field(L, table, name);
  if (lua_isnil(L, -1)) return NULL;
  if (lua_type(L, -1) != LUA_TSTRING) {
    luaL_error(L, "field '%s' must be a string, not a %s", name, luaL_typename(L, -1));
  }
  return lua_tolstring(L, -1, n);
}

const char *mkt_lua_word_field(lua_State *L, int table, const char *name) {
  size_t n = 0;
  const char *text = mkt_lua_text_field(L, table, name, &n);
  if (text != NULL && strlen(text) != n) luaL_error(L, "field '%s' has a NUL byte", name);
  return text;
}

const char *mkt_lua_required_word(lua_State *L, int table, const char *name) {
  const char *text = mkt_lua_word_field(L, table, name);
  if (text == NULL) luaL_error(L, "field '%s' is missing", name);
  return text;
}

lua_Number mkt_lua_number_field(lua_State *L, int table, const char *name, lua_Number normal,
                                lua_Number most) {
  mkt_lua_get_field(L, table, name);
  lua_Number value = lua_isnil(L, -1) ? normal : lua_tonumber(L, -1);
  bool is_number = lua_isnil(L, -1) || lua_type(L, -1) == LUA_TNUMBER;
  lua_pop(L, 1);
  if (!is_number || !(value >= 0 && value <= most)) {
    luaL_error(L, "field '%s' must be a number, not negative", name);
  }
  return value;
}

bool mkt_lua_flag_field(lua_State *L, int table, const char *name) {
  mkt_lua_get_field(L, table, name);
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}
