#include "lua/sqlite_holder.h"

#include "lua/class.h"
#include "lua/path.h"
#include "lua/push.h"
#include "sqlite/holder.h"

static const char metatable_name[] = "marketplace.sqlite.holder";

/* As a double, which every Lua has: the numbers of holders are whole in it. */
static int64_t check_number(lua_State *L, int argument) {
  lua_Number number = luaL_checknumber(L, argument);
  bool is_one = number >= 1 && number < (lua_Number)MKT_SQLITE_HOLDER_END &&
                number == (lua_Number)(int64_t)number;
  luaL_argcheck(L, is_one, argument, "the number of a holder is expected");
  return (int64_t)number;
}

static mkt_sqlite_holder *check_holder(lua_State *L) {
  return luaL_checkudata(L, 1, metatable_name);
}

static int holder_close(lua_State *L) {
  mkt_sqlite_holder_close(check_holder(L));
  return 0;
}

static int holder_number(lua_State *L) {
  int64_t number = mkt_sqlite_holder_number(check_holder(L));
  if (number == 0) return 0;
  mkt_lua_push_integer(L, number);
  return 1;
}

static int holder_open(lua_State *L) {
  const char *path = mkt_lua_check_path(L, 1);
  mkt_sqlite_holder *holder = mkt_lua_new(L, metatable_name, sizeof *holder);
  mkt_error error;
  bool opened = mkt_sqlite_holder_open(holder, path, &error) == MKT_OK;
  return opened ? 1 : mkt_lua_push_error(L, &error);
}

static int is_held(lua_State *L) {
  mkt_error error;
  bool held = false;
  if (mkt_sqlite_is_held(mkt_lua_check_path(L, 1), check_number(L, 2), &held, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  lua_pushboolean(L, held);
  return 1;
}

static int make_holders(lua_State *L) {
  mkt_error error;
  return mkt_lua_push_outcome(L, mkt_sqlite_holders_make(mkt_lua_check_path(L, 1), &error), &error);
}

void mkt_lua_add_sqlite_holder(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"number", holder_number}, {"close", holder_close}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", holder_close}, {"__close", holder_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"holder", holder_open}, {"is_held", is_held}, {"make_holders", make_holders}, {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
