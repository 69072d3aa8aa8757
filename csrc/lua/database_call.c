#include "lua/database_call.h"

mkt_code mkt_lua_check_idle(const mkt_lua_use *use, const char *what, mkt_error *error) {
  if (!use->is_busy) return MKT_OK;
  return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "the %s is in use by a call", what);
}

void mkt_lua_check_tables(lua_State *L, int values, int common, bool is_optional) {
  if (!is_optional || !lua_isnoneornil(L, values)) luaL_checktype(L, values, LUA_TTABLE);
  if (!lua_isnoneornil(L, common)) luaL_checktype(L, common, LUA_TTABLE);
}

void mkt_lua_push_call(lua_State *L, lua_CFunction function, int count) {
  lua_pushcfunction(L, function);
  for (int i = 1; i <= count; i++)
    lua_pushvalue(L, i);
}

int mkt_lua_call_in_use(lua_State *L, mkt_lua_use *use, int count) {
  use->is_busy = true;
  int status = lua_pcall(L, count, LUA_MULTRET, 0);
  use->is_busy = false;
  return status;
}

static void push_member(lua_State *L, int table, int name) {
  if (!lua_istable(L, table)) {
    lua_pushnil(L);
    return;
  }
  lua_pushvalue(L, name);
  lua_rawget(L, table);
}

void mkt_lua_push_parameter(lua_State *L, int values, int common, int name) {
  push_member(L, values, name);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  push_member(L, common, name);
}
