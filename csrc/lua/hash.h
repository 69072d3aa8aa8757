/* hash.h: the userdata that core.hash makes. */
#ifndef MKT_LUA_HASH_H
#define MKT_LUA_HASH_H

#include "lua/compat.h"

/* Adds hash to the table on top of the stack. */
void mkt_lua_add_hash(lua_State *L);

#endif
