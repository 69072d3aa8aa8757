/* push.h: how every binding of this project hands a run-time failure to Lua. */
#ifndef MKT_LUA_PUSH_H
#define MKT_LUA_PUSH_H

#include "core/error.h"
#include "lua/compat.h"

/* Pushes nil, message, code and, if one byte of the input is at fault, a detail table {offset=,
 * retryable=}. Returns how many values were pushed, for `return`. */
int mkt_lua_push_error(lua_State *L, const mkt_error *error);

#endif
