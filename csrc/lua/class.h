/* class.h: types of userdata. */
#ifndef MKT_LUA_CLASS_H
#define MKT_LUA_CLASS_H

#include "lua/compat.h"

/* Makes the metatable of that name, with the methods as its __index; leaves the stack as it is. For
 * the opening of a module: if memory runs out in the middle it raises, and the next opening makes
 * it whole, so that no userdata ever gets half a metatable. Both lists end with {NULL, NULL};
 * methods may be NULL. */
void mkt_lua_class(lua_State *L, const char *name, const luaL_Reg *methods,
                   const luaL_Reg *metamethods);

/* Pushes a userdata of that type whose `size` bytes are zero, which the type's __gc must take for
 * one that owns nothing. To make it can run a finalizer, and that may change any table: options are
 * read, and resources acquired, only after this. */
void *mkt_lua_new(lua_State *L, const char *name, size_t size);

#endif
