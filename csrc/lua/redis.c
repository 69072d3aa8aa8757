/* redis.c: the module marketplace.redis, for marketplace.inbox.redis.
 *
 *   redis.open{host=, port=, path=, connect_timeout=, timeout=} -> connection | nil, message, code
 *   connection:command{word, ...} -> a string, an integer, a list, nil for nothing | nil, message,
 * code connection:close(), also by the garbage collector
 */
#include "redis/redis.h"

#include "lua/compat.h"
#include "lua/pin.h"
#include "lua/push.h"

#include <hiredis/hiredis.h>

static const char metatable_name[] = "marketplace.redis";
static const char reply_metatable_name[] = "marketplace.redis.reply";

enum { MOST_DEPTH = 16, MOST_WORDS = 1000000 };

static mkt_redis *check_redis(lua_State *L) {
  return luaL_checkudata(L, 1, metatable_name);
}

static int redis_close(lua_State *L) {
  mkt_redis_close(check_redis(L));
  return 0;
}

/* The answer belongs to a userdata while it is made into Lua values, which may raise. */
static redisReply **push_reply_box(lua_State *L) {
  redisReply **box = lua_newuserdata(L, sizeof *box);
  *box = NULL;
  luaL_getmetatable(L, reply_metatable_name);
  lua_setmetatable(L, -2);
  return box;
}

static int reply_free(lua_State *L) {
  redisReply **box = luaL_checkudata(L, 1, reply_metatable_name);
  mkt_redis_free(*box);
  *box = NULL;
  return 0;
}

static void push_reply(lua_State *L, const redisReply *reply, int depth) {
  switch (reply->type) {
  case REDIS_REPLY_INTEGER:
    lua_pushnumber(L, (lua_Number)reply->integer);
    return;
  case REDIS_REPLY_ARRAY:
    if (depth == MOST_DEPTH) luaL_error(L, "the answer has more than %d levels", MOST_DEPTH);
    luaL_checkstack(L, 4, "the answer is too deep");
    lua_createtable(L, (int)reply->elements, 0);
    for (size_t i = 0; i < reply->elements; i++) {
      push_reply(L, reply->element[i], depth + 1);
      lua_rawseti(L, -2, (int)i + 1);
    }
    return;
  case REDIS_REPLY_NIL:
    lua_pushnil(L);
    return;
  default:
    lua_pushlstring(L, reply->str, reply->len);
  }
}

static int push_refusal(lua_State *L, const redisReply *reply) {
  lua_pushnil(L);
  lua_pushlstring(L, reply->str, reply->len);
  lua_pushstring(L, "redis_error");
  return 3;
}

/* Two arrays in one userdata at the top of the stack; the list at index 2 keeps the words alive. */
static const char **push_words(lua_State *L, int count, size_t **lengths) {
  char *block = lua_newuserdata(L, (size_t)count * (sizeof(char *) + sizeof(size_t)));
  const char **words = (const char **)(void *)block;
  *lengths = (size_t *)(void *)(block + (size_t)count * sizeof(char *));
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, 2, i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "word %d must be a string", i + 1);
    words[i] = lua_tolstring(L, -1, &(*lengths)[i]);
    lua_pop(L, 1);
  }
  return words;
}

static int redis_command(lua_State *L) {
  mkt_redis *redis = check_redis(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t count = lua_rawlen(L, 2);
  luaL_argcheck(L, count >= 1 && count <= MOST_WORDS, 2, "1 to 1000000 words are expected");
  size_t *lengths;
  const char **words = push_words(L, (int)count, &lengths);
  redisReply **box = push_reply_box(L);
  mkt_error error;
  if (mkt_redis_command(redis, (int)count, words, lengths, box, &error) != MKT_OK) {
    return mkt_push_error(L, &error);
  }
  if ((*box)->type == REDIS_REPLY_ERROR) return push_refusal(L, *box);
  push_reply(L, *box, 0);
  mkt_redis_free(*box);
  *box = NULL;
  return 1;
}

/* NULL where it is absent. */
static const char *text_option(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  const char *text = lua_isnil(L, -1) ? NULL : luaL_checkstring(L, -1);
  return text; /* stays on the stack, which keeps it alive */
}

static double number_option(lua_State *L, const char *name, double normal, double least,
                            double most) {
  lua_getfield(L, 1, name);
  double value = lua_isnil(L, -1) ? normal : luaL_checknumber(L, -1);
  if (!(value >= least && value <= most)) luaL_error(L, "option '%s' is out of range", name);
  return value;
}

static int redis_open(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  mkt_redis_options options = {
      .host = text_option(L, "host"),
      .path = text_option(L, "path"),
      .port = (int)number_option(L, "port", 6379, 1, 65535),
      .connect_timeout = number_option(L, "connect_timeout", 5, 0.001, 3600),
      .timeout = number_option(L, "timeout", 10, 0.001, 3600),
  };
  if (options.host == NULL) options.host = "127.0.0.1";
  mkt_redis *redis = lua_newuserdata(L, sizeof *redis);
  *redis = (mkt_redis){0};
  luaL_getmetatable(L, metatable_name);
  lua_setmetatable(L, -2);
  mkt_error error;
  if (mkt_redis_open(redis, &options, &error) != MKT_OK) return mkt_push_error(L, &error);
  return 1;
}

static void make_metatables(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"command", redis_command}, {"close", redis_close}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", redis_close}, {"__close", redis_close}, {NULL, NULL}};
  static const luaL_Reg reply_metamethods[] = {{"__gc", reply_free}, {NULL, NULL}};
  if (luaL_newmetatable(L, metatable_name) != 0) {
    luaL_setfuncs(L, metamethods, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
  }
  if (luaL_newmetatable(L, reply_metatable_name) != 0) luaL_setfuncs(L, reply_metamethods, 0);
  lua_pop(L, 2);
}

__attribute__((visibility("default"))) int luaopen_marketplace_redis(lua_State *L);

int luaopen_marketplace_redis(lua_State *L) {
  static const luaL_Reg functions[] = {{"open", redis_open}, {NULL, NULL}};
  mkt_pin();
  make_metatables(L);
  luaL_newlib(L, functions);
  return 1;
}
