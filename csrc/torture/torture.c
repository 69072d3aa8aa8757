/* Runs a Lua program in a state whose allocations, and those of the core, can be made to fail.
 *
 *     torture PROGRAM.lua ARGUMENTS...
 *
 * The program has the modules marketplace.core, .http_server and .redis, and a table `torture`:
 *
 *   arm(n, stays)  -- from now on the n-th allocation fails; stays: and all after it
 *   disarm()       -> how many allocations there were since, and whether one failed
 *   collect(on)    -- from now on every allocation of Lua's fails first and is done then: Lua 5.3
 * and 5.4 collect all garbage before they try again, so that each is a collection live()         ->
 * how many blocks of the core's are in use
 *
 * What shrinks never fails: Lua counts on that (lua_Alloc, Lua 5.4 manual).
 */
#include "core/alloc.h"
#include "lua/compat.h"

#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

int luaopen_marketplace_core(lua_State *L);
int luaopen_marketplace_http_server(lua_State *L);
int luaopen_marketplace_redis(lua_State *L);

typedef struct memory {
  bool armed;
  bool stays;
  bool failed;
  size_t count;
  size_t fails_at;
  bool collects;
  bool fails_first;
  long live;
} memory;

static memory all;

static bool fails(void) {
  if (!all.armed) return false;
  all.count++;
  if (all.count != all.fails_at && !(all.stays && all.count > all.fails_at)) return false;
  all.failed = true;
  return true;
}

static void *lua_resize(void *context, void *block, size_t old, size_t bytes) {
  (void)context;
  if (bytes == 0) {
    free(block);
    return NULL;
  }
  bool grows = block == NULL || bytes > old;
  if (grows && all.collects) all.fails_first = !all.fails_first;
  if (grows && (all.fails_first || fails())) return NULL;
  return realloc(block, bytes);
}

static void *core_resize(void *context, void *block, size_t bytes) {
  (void)context;
  if (fails()) return NULL;
  void *resized = realloc(block, bytes);
  if (block == NULL && resized != NULL) all.live++;
  return resized;
}

static void core_release(void *context, void *block) {
  (void)context;
  if (block != NULL) all.live--;
  free(block);
}

static int arm(lua_State *L) {
  size_t n = (size_t)luaL_checkinteger(L, 1);
  all = (memory){.armed = true, .stays = lua_toboolean(L, 2), .fails_at = n, .live = all.live};
  return 0;
}

static int disarm(lua_State *L) {
  all.armed = false;
  lua_pushinteger(L, (lua_Integer)all.count);
  lua_pushboolean(L, all.failed);
  return 2;
}

static int collect(lua_State *L) {
  all.collects = lua_toboolean(L, 1);
  all.fails_first = false;
  return 0;
}

static int live(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)all.live);
  return 1;
}

static void preload(lua_State *L, const char *name, lua_CFunction open) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 2);
}

static void push_arguments(lua_State *L, int count, char **arguments) {
  lua_newtable(L);
  for (int i = 1; i < count; i++) {
    lua_pushstring(L, arguments[i]);
    lua_rawseti(L, -2, i - 1);
  }
  lua_setglobal(L, "arg");
}

static void push_torture(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"arm", arm}, {"disarm", disarm}, {"collect", collect}, {"live", live}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_setglobal(L, "torture");
}

int main(int count, char **arguments) {
  const mkt_allocator allocator = {core_resize, core_release, NULL};
  mkt_alloc_use(&allocator);
  lua_State *L = count > 1 ? lua_newstate(lua_resize, NULL) : NULL;
  if (L == NULL) {
    (void)fprintf(stderr, "torture PROGRAM.lua: no program, or no Lua with an allocator of ours\n");
    return 2;
  }
  luaL_openlibs(L);
  preload(L, "marketplace.core", luaopen_marketplace_core);
  preload(L, "marketplace.http_server", luaopen_marketplace_http_server);
  preload(L, "marketplace.redis", luaopen_marketplace_redis);
  push_arguments(L, count, arguments);
  push_torture(L);
  int status = luaL_loadfile(L, arguments[1]);
  if (status == 0) status = lua_pcall(L, 0, 0, 0);
  if (status != 0) (void)fprintf(stderr, "%s\n", lua_tostring(L, -1));
  lua_close(L);
  return status == 0 ? 0 : 1;
}
