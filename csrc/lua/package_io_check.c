#include "lua/class.h"
#include "lua/package_io.h"
#include "lua/push.h"
#include "packages/check.h"

static const char metatable_name[] = "marketplace.package_check";

static int check_open(lua_State *L) {
  const char *path;
  mkt_package_wanted wanted;
  mkt_error error;
  lua_settop(L, 1);
  mkt_package_check *check = mkt_lua_new(L, metatable_name, sizeof *check);
  mkt_lua_read_asset(L, &path, &wanted);
  if (mkt_package_check_open(check, path, &wanted, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  lua_pushvalue(L, 2);
  return 1;
}

static mkt_package_check *check_check(lua_State *L) {
  mkt_package_check *check = luaL_checkudata(L, 1, metatable_name);
  luaL_argcheck(L, check->is_open, 1, "the check is closed");
  return check;
}

static int check_close(lua_State *L) {
  mkt_package_check_close(luaL_checkudata(L, 1, metatable_name));
  return 0;
}

static int check_step(lua_State *L) {
  mkt_package_check *check = check_check(L);
  lua_Number bytes = luaL_checknumber(L, 2);
  bool done = false;
  mkt_error error;
  luaL_argcheck(L, bytes >= 1 && bytes <= 9007199254740992.0, 2, "a number of bytes is expected");
  if (mkt_package_check_step(check, (uint64_t)bytes, &done, &error) != MKT_OK) {
    mkt_package_check_close(check);
    return mkt_lua_push_error(L, &error);
  }
  lua_pushboolean(L, done);
  return 1;
}

static int check_result(lua_State *L) {
  mkt_package_check *check = check_check(L);
  mkt_package_found found;
  mkt_error error;
  luaL_argcheck(L, check->digests.at == check->digests.wanted.size, 1, "the check is not done");
  mkt_code code = mkt_package_check_result(check, &found, &error);
  mkt_package_check_close(check);
  return code == MKT_OK ? mkt_lua_push_found(L, &found) : mkt_lua_push_error(L, &error);
}

void mkt_lua_add_package_check(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"step", check_step}, {"result", check_result}, {"close", check_close}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", check_close}, {"__close", check_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"check", check_open}, {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
