/* collect.h: included before each file of csrc/lua by `make gc-torture`, so that a whole garbage
 * collection precedes everything there that may allocate in Lua, and what nothing keeps alive is
 * gone at once. */
#ifndef MKT_TORTURE_COLLECT_H
#define MKT_TORTURE_COLLECT_H

#if __has_include(<lua.h>)

#include <lauxlib.h>
#include <lua.h>

#define MKT_COLLECT(L) ((void)lua_gc((L), LUA_GCCOLLECT, 0))

#undef lua_pushliteral
#define lua_pushliteral(L, s) lua_pushstring(L, s)

static inline void mkt_collect_pushlstring(lua_State *L, const char *p, size_t n) {
  MKT_COLLECT(L);
  lua_pushlstring(L, p, n);
}
#define lua_pushlstring(L, p, n) mkt_collect_pushlstring(L, p, n)

static inline void mkt_collect_pushstring(lua_State *L, const char *p) {
  MKT_COLLECT(L);
  lua_pushstring(L, p);
}
#define lua_pushstring(L, p) mkt_collect_pushstring(L, p)

static inline void mkt_collect_createtable(lua_State *L, int list, int record) {
  MKT_COLLECT(L);
  lua_createtable(L, list, record);
}
#define lua_createtable(L, list, record) mkt_collect_createtable(L, list, record)
#undef lua_newtable
#define lua_newtable(L) mkt_collect_createtable(L, 0, 0)

static inline void *mkt_collect_newuserdata(lua_State *L, size_t n) {
  MKT_COLLECT(L);
  return lua_newuserdata(L, n);
}
#undef lua_newuserdata /* of which some Luas make a macro */
#define lua_newuserdata(L, n) mkt_collect_newuserdata(L, n)

static inline void mkt_collect_setfield(lua_State *L, int index, const char *name) {
  MKT_COLLECT(L);
  lua_setfield(L, index, name);
}
#define lua_setfield(L, index, name) mkt_collect_setfield(L, index, name)

static inline void mkt_collect_rawset(lua_State *L, int index) {
  MKT_COLLECT(L);
  lua_rawset(L, index);
}
#define lua_rawset(L, index) mkt_collect_rawset(L, index)

static inline void mkt_collect_rawseti(lua_State *L, int index, int n) {
  MKT_COLLECT(L);
  lua_rawseti(L, index, n);
}
#define lua_rawseti(L, index, n) mkt_collect_rawseti(L, index, n)

#endif

#endif
