#include "lua/push.h"

int mkt_push_error(lua_State *L, const mkt_error *error) {
  lua_pushnil(L);
  lua_pushstring(L, error->message);
  lua_pushstring(L, mkt_code_word(error->code));
  if (error->offset == MKT_ERROR_NO_OFFSET && error->http_status == 0) return 3;
  lua_createtable(L, 0, 3);
  lua_pushboolean(L, error->retryable);
  lua_setfield(L, -2, "retryable");
  if (error->offset != MKT_ERROR_NO_OFFSET) {
    lua_pushinteger(L, (lua_Integer)error->offset);
    lua_setfield(L, -2, "offset");
  }
  if (error->http_status != 0) {
    lua_pushinteger(L, error->http_status);
    lua_setfield(L, -2, "status");
  }
  return 4;
}
