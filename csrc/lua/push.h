/* push.h: how every binding of this project hands a run-time failure to Lua, and makes room. */
#ifndef MKT_LUA_PUSH_H
#define MKT_LUA_PUSH_H

#include "core/error.h"
#include "lua/compat.h"

/* Pushes nil, message, code and, if one byte of the input is at fault, a detail table {offset=,
 * retryable=}. Returns how many values were pushed, for `return`. */
int mkt_lua_push_error(lua_State *L, const mkt_error *error);

/* Pushes true, or that failure. Likewise. */
int mkt_lua_push_outcome(lua_State *L, mkt_code code, const mkt_error *error);

/* Makes room for so many values more, of which there are never too many for Lua: raises if memory
 * is short, and says so, unlike luaL_checkstack. */
void mkt_lua_need_stack(lua_State *L, int count);

#endif
