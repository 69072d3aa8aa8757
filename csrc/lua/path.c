#include "lua/path.h"

#include <string.h>

const char *mkt_lua_check_path(lua_State *L, int argument) {
  size_t n;
  const char *path = luaL_checklstring(L, argument, &n);
  luaL_argcheck(L, n > 0 && strlen(path) == n, argument, "a path is expected");
  return path;
}
