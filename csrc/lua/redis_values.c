#include "lua/redis_values.h"

#include "lua/class.h"
#include "redis/reader.h"

static const char reply_metatable_name[] = "marketplace.redis.reply";

enum { MOST_WORDS = 1000000 };

static int reply_free(lua_State *L) {
  redisReply **box = luaL_checkudata(L, 1, reply_metatable_name);
  mkt_redis_free(*box);
  *box = NULL;
  return 0;
}

void mkt_lua_make_redis_values(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", reply_free}, {NULL, NULL}};
  mkt_lua_class(L, reply_metatable_name, NULL, metamethods);
}

mkt_lua_redis_words mkt_lua_push_redis_words(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  size_t count = (size_t)lua_rawlen(L, index);
  luaL_argcheck(L, count >= 1 && count <= MOST_WORDS, index, "1 to 1000000 words are expected");
  char *block = lua_newuserdata(L, count * (sizeof(char *) + sizeof(size_t)));
  mkt_lua_redis_words words = {.count = (int)count, .words = (const char **)(void *)block};
  words.lengths = (size_t *)(void *)(block + count * sizeof(char *));
  for (int i = 0; i < words.count; i++) {
    lua_rawgeti(L, index, i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "word %d must be a string", i + 1);
    words.words[i] = lua_tolstring(L, -1, &words.lengths[i]);
    lua_pop(L, 1);
  }
  return words;
}

redisReply **mkt_lua_push_reply_box(lua_State *L) {
  return mkt_lua_new(L, reply_metatable_name, sizeof(redisReply *));
}

/* It is as deep as an answer may be, MKT_REDIS_MOST_LEVELS, for which Lua's stack has room. */
static void push_value(lua_State *L, const redisReply *reply) {
  switch (reply->type) {
  case REDIS_REPLY_INTEGER:
    mkt_lua_push_integer(L, reply->integer);
    return;
  case REDIS_REPLY_ARRAY:
    lua_createtable(L, (int)reply->elements, 0);
    for (size_t i = 0; i < reply->elements; i++) {
      push_value(L, reply->element[i]);
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

int mkt_lua_push_reply(lua_State *L, redisReply **box) {
  bool is_refusal = (*box)->type == REDIS_REPLY_ERROR;
  if (is_refusal) lua_pushnil(L);
  push_value(L, *box);
  if (is_refusal) lua_pushliteral(L, "redis_error");
  mkt_redis_free(*box);
  *box = NULL;
  return is_refusal ? 3 : 1;
}
