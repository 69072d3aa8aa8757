/* redis_values.h: a command's words out of a Lua list, and an answer as Lua values. */
#ifndef MKT_LUA_REDIS_VALUES_H
#define MKT_LUA_REDIS_VALUES_H

#include "lua/compat.h"

#include <hiredis/hiredis.h>

/* A command's words: borrowed from the list that they were taken from, until anything is made in
 * Lua, as that may run a finalizer, which may empty the list. */
typedef struct mkt_lua_redis_words {
  int count;
  const char **words;
  size_t *lengths;
} mkt_lua_redis_words;

/* Makes the metatable that mkt_lua_push_reply_box needs; leaves the stack as it is. */
void mkt_lua_make_redis_values(lua_State *L);

/* Takes 1 to 1000000 strings from the list at an index, which keeps them alive; pushes what keeps
 * the arrays alive. Raises for any other list. */
mkt_lua_redis_words mkt_lua_push_redis_words(lua_State *L, int index);

/* Pushes a userdata that owns an answer while it is made into Lua values, which may raise; gives
 * where to put the answer. */
redisReply **mkt_lua_push_reply_box(lua_State *L);

/* Pushes an answer: a string, an integer, a list, nil for nothing; or nil, message, "redis_error".
 * Frees it. Returns how many values were pushed. */
int mkt_lua_push_reply(lua_State *L, redisReply **box);

#endif
