/* host.c: a Lua program in which any allocation fails. `host DRIVER ARGUMENT...` runs a script that
 * has one function more than Lua: the table `torture`. */
#include "torture/allocations.h"
#include "torture/redis_stub.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
/* libzip keeps what it has when an allocation of its own fails. Whether anything else stays
 * allocated, the run without sanitizers tells. */
__attribute__((visibility("default"))) const char *
__lsan_default_suppressions(void); /* NOLINT(bugprone-reserved-identifier) */

const char *__lsan_default_suppressions(void) { /* NOLINT(bugprone-reserved-identifier) */
  return "leak:libzip\n";
}
#endif

/* What was being tried, to be shown if the process crashes. */
static char doing[256] = "nothing";

static void push_library(lua_State *L, const void *caller) {
  Dl_info library;
  if (caller == NULL || dladdr(caller, &library) == 0 || library.dli_fname == NULL) {
    lua_pushliteral(L, "");
    return;
  }
  const char *slash = strrchr(library.dli_fname, '/');
  lua_pushstring(L, slash != NULL ? slash + 1 : library.dli_fname);
}

/* call(whose, how, n, f, ...) -> whether an allocation failed, whose code had asked for it, and
 * what pcall gives. Without n nothing fails. */
static int call(lua_State *L) {
  static const char *const whose[] = {"lua", "system", NULL};
  static const char *const how[] = {"once", "onward", NULL};
  mkt_torture_whose w = (mkt_torture_whose)luaL_checkoption(L, 1, NULL, whose);
  mkt_torture_how h = (mkt_torture_how)luaL_checkoption(L, 2, NULL, how);
  long n = (long)luaL_checkinteger(L, 3);
  luaL_checkstack(L, 32, NULL);
  int arguments = lua_gettop(L) - 4;
  mkt_torture_arm(w, h, n);
  int status = lua_pcall(L, arguments, LUA_MULTRET, 0);
  bool failed = mkt_torture_disarm();
  lua_pushboolean(L, status == 0);
  lua_replace(L, 3);
  lua_pushboolean(L, failed);
  lua_replace(L, 1);
  push_library(L, mkt_torture_caller());
  lua_replace(L, 2);
  return lua_gettop(L);
}

static int system_blocks(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)mkt_torture_system_blocks());
  return 1;
}

static int set_doing(lua_State *L) {
  (void)snprintf(doing, sizeof doing, "%s", luaL_checkstring(L, 1));
  return 0;
}

static int redis_stub(lua_State *L) {
  int port = mkt_torture_redis_stub();
  if (port < 0) return luaL_error(L, "no stub of Redis");
  lua_pushinteger(L, port);
  return 1;
}

static void on_crash(int signal_number) {
  static const char before[] = "CRASH: ";
  if (write(STDERR_FILENO, before, sizeof before - 1) < 0 ||
      write(STDERR_FILENO, doing, strlen(doing)) < 0 || write(STDERR_FILENO, "\n", 1) < 0) {
    _exit(2);
  }
  (void)signal(signal_number, SIG_DFL);
  (void)raise(signal_number);
}

static void add_torture(lua_State *L) {
  static const struct {
    const char *name;
    lua_CFunction function;
  } functions[] = {{"call", call},
                   {"system_blocks", system_blocks},
                   {"doing", set_doing},
                   {"redis_stub", redis_stub}};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    lua_pushcfunction(L, functions[i].function);
    lua_setfield(L, -2, functions[i].name);
  }
  lua_setglobal(L, "torture");
}

/* If memory runs out while it grows a table, LuaJIT forgets what it had allocated for that. */
static bool is_luajit(lua_State *L) {
  lua_getglobal(L, "jit");
  bool is = lua_istable(L, -1);
  lua_pop(L, 1);
  return is;
}

/* Runs the driver in a state of its own: its status, which is its exit status, or -1 with the
 * reason told. */
static int run(const char *driver, int count, char **arguments, long n) {
  lua_State *L = lua_newstate(mkt_torture_lua, NULL);
  if (L == NULL) return -1;
  luaL_openlibs(L);
  add_torture(L);
  int status = -1;
  if (luaL_loadfile(L, driver) == 0) {
    luaL_checkstack(L, count + 1, NULL);
    for (int i = 0; i < count; i++)
      lua_pushstring(L, arguments[i]);
    lua_pushinteger(L, (lua_Integer)n);
    if (lua_pcall(L, count + 1, 1, 0) == 0) status = (int)lua_tointeger(L, -1);
  }
  if (status < 0) {
    const char *problem = lua_tostring(L, -1);
    (void)fprintf(stderr, "%s\n", problem != NULL ? problem : "the driver gave no status");
  }
  bool keeps_some = is_luajit(L);
  lua_close(L);
  if (mkt_torture_lua_bytes() != 0 && !keeps_some) {
    (void)fprintf(stderr, "LEAK: %s: %zu bytes of a closed Lua state\n", doing,
                  mkt_torture_lua_bytes());
    return -1;
  }
  return status;
}

enum { DONE = 0, AGAIN = 1 };

/* The driver asks for state after state, one for each n, as long as it gives AGAIN. */
int main(int argc, char **argv) {
  if (argc < 2) return 2;
  (void)signal(SIGSEGV, on_crash);
  (void)signal(SIGABRT, on_crash);
  int status;
  long n = 1;
  do {
    status = run(argv[1], argc - 2, argv + 2, n++);
  } while (status == AGAIN);
  mkt_torture_redis_stub_end();
  return status == DONE ? 0 : 1;
}
