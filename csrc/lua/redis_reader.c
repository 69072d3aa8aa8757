#include "lua/redis_reader.h"

#include "lua/class.h"
#include "lua/push.h"
#include "lua/redis_values.h"
#include "redis/reader.h"

static const char metatable_name[] = "marketplace.redis.reader";
static const char command_metatable_name[] = "marketplace.redis.bytes";

static mkt_redis_reader *check_reader(lua_State *L) {
  return luaL_checkudata(L, 1, metatable_name);
}

static int reader_close(lua_State *L) {
  mkt_redis_reader_close(check_reader(L));
  return 0;
}

static int reader_feed(lua_State *L) {
  mkt_redis_reader *reader = check_reader(L);
  size_t n;
  const char *bytes = luaL_checklstring(L, 2, &n);
  mkt_error error;
  return mkt_lua_push_outcome(L, mkt_redis_reader_feed(reader, bytes, n, &error), &error);
}

static int reader_next(lua_State *L) {
  mkt_redis_reader *reader = check_reader(L);
  redisReply **box = mkt_lua_push_reply_box(L);
  mkt_error error;
  if (mkt_redis_reader_next(reader, box, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushboolean(L, *box != NULL);
  return *box == NULL ? 1 : 1 + mkt_lua_push_reply(L, box);
}

static int reader_is_empty(lua_State *L) {
  lua_pushboolean(L, mkt_redis_reader_is_empty(check_reader(L)));
  return 1;
}

static int open_reader(lua_State *L) {
  mkt_redis_reader *reader = mkt_lua_new(L, metatable_name, sizeof *reader);
  mkt_error error;
  if (mkt_redis_reader_open(reader, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  return 1;
}

static int command_free(lua_State *L) {
  char **command = luaL_checkudata(L, 1, command_metatable_name);
  redisFreeCommand(*command);
  *command = NULL;
  return 0;
}

/* Owns a command while it is made into a Lua string, which may raise. */
static char **push_command_box(lua_State *L) {
  return mkt_lua_new(L, command_metatable_name, sizeof(char *));
}

static int format(lua_State *L) {
  char **command = push_command_box(L);
  mkt_lua_redis_words words = mkt_lua_push_redis_words(L, 1);
  long long n = redisFormatCommandArgv(command, words.count, words.words, words.lengths);
  if (n < 0) return luaL_error(L, "not enough memory");
  lua_pushlstring(L, *command, (size_t)n);
  redisFreeCommand(*command);
  *command = NULL;
  return 1;
}

static void make_metatables(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"feed", reader_feed}, {"next", reader_next}, {"is_empty", reader_is_empty}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", reader_close}, {NULL, NULL}};
  static const luaL_Reg command_metamethods[] = {{"__gc", command_free}, {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
  mkt_lua_class(L, command_metatable_name, NULL, command_metamethods);
}

void mkt_lua_add_redis_reader(lua_State *L) {
  static const luaL_Reg functions[] = {{"format", format}, {"reader", open_reader}, {NULL, NULL}};
  make_metatables(L);
  luaL_setfuncs(L, functions, 0);
}
