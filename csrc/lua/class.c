#include "lua/class.h"

#include <string.h>

void mkt_lua_class(lua_State *L, const char *name, const luaL_Reg *methods,
                   const luaL_Reg *metamethods) {
  (void)luaL_newmetatable(L, name);
  luaL_setfuncs(L, metamethods, 0);
  if (methods != NULL) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
}

void *mkt_lua_new(lua_State *L, const char *name, size_t size) {
  void *userdata = lua_newuserdata(L, size);
  memset(userdata, 0, size);
  luaL_getmetatable(L, name);
  lua_setmetatable(L, -2);
  return userdata;
}
