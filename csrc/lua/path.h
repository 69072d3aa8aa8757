/* path.h: paths as arguments. */
#ifndef MKT_LUA_PATH_H
#define MKT_LUA_PATH_H

#include "lua/compat.h"

/* Raises if it is empty, or has a NUL byte, where it would be cut and name another file. Valid
 * while the argument is on the stack. */
const char *mkt_lua_check_path(lua_State *L, int argument);

#endif
