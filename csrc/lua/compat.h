/* compat.h: one C API for Lua 5.1, 5.3, 5.4 and LuaJIT. The only file that asks which Lua it is. */
#ifndef MKT_LUA_COMPAT_H
#define MKT_LUA_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 502

#define lua_rawlen(L, index) lua_objlen(L, index)

/* Of a userdata, a table: what it keeps alive. */
#define lua_setuservalue(L, index) lua_setfenv(L, index)

#ifndef luaL_newlib /* LuaJIT has it, Lua 5.1 has not */
#define luaL_newlib(L, functions) (lua_newtable(L), luaL_register(L, NULL, functions))
#define luaL_setfuncs(L, functions, upvalues) luaL_register(L, NULL, functions)
#endif

/* A number of as many as 64 bits: lua_Integer has that many since 5.3, before that it has those of
 * a pointer and every number is a double. */
#define mkt_lua_push_integer(L, value) lua_pushnumber(L, (lua_Number)(value))
#define mkt_lua_is_integer(L, index) ((void)(L), (void)(index), 0)

#else

#define mkt_lua_push_integer(L, value) lua_pushinteger(L, (lua_Integer)(value))
#define mkt_lua_is_integer(L, index) lua_isinteger(L, index)

#endif

#endif
