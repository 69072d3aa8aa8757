#include "lua/push.h"

int mkt_lua_push_error(lua_State *L, const mkt_error *error) {
  lua_pushnil(L);
  lua_pushstring(L, error->message);
  lua_pushstring(L, mkt_code_word(error->code));
  if (error->offset == MKT_ERROR_NO_OFFSET) return 3;
  lua_createtable(L, 0, 2);
  lua_pushboolean(L, error->retryable);
  lua_setfield(L, -2, "retryable");
  lua_pushinteger(L, (lua_Integer)error->offset);
  lua_setfield(L, -2, "offset");
  return 4;
}

int mkt_lua_push_outcome(lua_State *L, mkt_code code, const mkt_error *error) {
  if (code != MKT_OK) return mkt_lua_push_error(L, error);
  lua_pushboolean(L, true);
  return 1;
}

void mkt_lua_need_stack(lua_State *L, int count) {
  if (!lua_checkstack(L, count)) luaL_error(L, "not enough memory");
}
