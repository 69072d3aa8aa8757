/* redis.c: the module marketplace.redis, for marketplace.inbox.redis.
 *
 *   redis.connect{host=, port=, path=, seconds=, tls=, ca=, cert=, key=} -> connection
 *     | nil, message, code: host and port (127.0.0.1, 6379), or the path of a socket; tls: a
 *     boolean; ca, cert, key: files of PEM, as redis/options.h has them
 *   connection:limit(seconds): the deadline, from now, of all that follows
 *   connection:send{word, ...} -> true | nil, message, code
 *   connection:receive() -> the answer to the first command that has none yet: a string, an
 *     integer, a list, nil for nothing | nil, message, code: "redis_error" if the server refused it
 *   connection:is_alive() -> whether the server is not known to have closed it
 *   connection:close(), also by the garbage collector
 *   redis.format, redis.reader: see lua/redis_reader.h
 * After any failure but a refusal, the connection is closed. Messages do not name the server.
 */
#include "redis/connection.h"

#include "lua/class.h"
#include "lua/compat.h"
#include "lua/pin.h"
#include "lua/push.h"
#include "lua/redis_reader.h"
#include "lua/redis_values.h"

#include <string.h>

static const char metatable_name[] = "marketplace.redis";

enum { MOST_SECONDS = 1000000000 };

static mkt_redis *check_redis(lua_State *L) {
  return luaL_checkudata(L, 1, metatable_name);
}

static int redis_close(lua_State *L) {
  mkt_redis_close(check_redis(L));
  return 0;
}

static int redis_is_alive(lua_State *L) {
  lua_pushboolean(L, mkt_redis_is_alive(check_redis(L)));
  return 1;
}

static int redis_limit(lua_State *L) {
  mkt_redis *redis = check_redis(L);
  lua_Number seconds = luaL_checknumber(L, 2);
  luaL_argcheck(L, seconds >= 0 && seconds <= MOST_SECONDS, 2, "it is out of range");
  mkt_redis_limit(redis, seconds);
  return 0;
}

static int redis_send(lua_State *L) {
  mkt_redis *redis = check_redis(L);
  mkt_lua_redis_words words = mkt_lua_push_redis_words(L, 2);
  mkt_error error;
  mkt_code code = mkt_redis_send(redis, words.count, words.words, words.lengths, &error);
  return mkt_lua_push_outcome(L, code, &error);
}

static int redis_receive(lua_State *L) {
  mkt_redis *redis = check_redis(L);
  redisReply **box = mkt_lua_push_reply_box(L);
  mkt_error error;
  if (mkt_redis_receive(redis, box, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  return mkt_lua_push_reply(L, box);
}

/* Pushes an option, which must be of this type; false if it is absent. */
static bool push_option(lua_State *L, const char *name, int type) {
  lua_getfield(L, 1, name);
  if (lua_isnil(L, -1)) return false;
  if (lua_type(L, -1) != type) {
    luaL_error(L, "option '%s' must be a %s, not a %s", name, lua_typename(L, type),
               luaL_typename(L, -1));
  }
  return true;
}

/* NULL if it is absent. It stays on the stack, which keeps it alive. */
static const char *text_option(lua_State *L, const char *name) {
  if (!push_option(L, name, LUA_TSTRING)) return NULL;
  size_t n;
  const char *text = lua_tolstring(L, -1, &n);
  if (strlen(text) != n) luaL_error(L, "option '%s' has a NUL byte", name);
  return text;
}

static double number_option(lua_State *L, const char *name, double normal, double least,
                            double most) {
  double value = push_option(L, name, LUA_TNUMBER) ? lua_tonumber(L, -1) : normal;
  if (!(value >= least && value <= most)) luaL_error(L, "option '%s' is out of range", name);
  return value;
}

static bool flag_option(lua_State *L, const char *name) {
  return push_option(L, name, LUA_TBOOLEAN) && lua_toboolean(L, -1);
}

static int redis_connect(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  mkt_redis *redis = mkt_lua_new(L, metatable_name, sizeof *redis);
  mkt_redis_options options = {
      .host = text_option(L, "host"),
      .path = text_option(L, "path"),
      .port = (int)number_option(L, "port", 6379, 1, 65535),
      .has_tls = flag_option(L, "tls"),
      .ca = text_option(L, "ca"),
      .cert = text_option(L, "cert"),
      .key = text_option(L, "key"),
  };
  double seconds = number_option(L, "seconds", 3, 0, MOST_SECONDS);
  if (options.host == NULL) options.host = "127.0.0.1";
  mkt_error error;
  mkt_code code = mkt_redis_open(redis, &options, seconds, &error);
  if (code != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushvalue(L, 2);
  return 1;
}

static void make_metatable(lua_State *L) {
  static const luaL_Reg methods[] = {{"limit", redis_limit},     {"send", redis_send},
                                     {"receive", redis_receive}, {"is_alive", redis_is_alive},
                                     {"close", redis_close},     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", redis_close}, {"__close", redis_close}, {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
}

__attribute__((visibility("default"))) int luaopen_marketplace_redis(lua_State *L);

int luaopen_marketplace_redis(lua_State *L) {
  static const luaL_Reg functions[] = {{"connect", redis_connect}, {NULL, NULL}};
  mkt_lua_pin();
  make_metatable(L);
  mkt_lua_make_redis_values(L);
  luaL_newlib(L, functions);
  mkt_lua_add_redis_reader(L);
  return 1;
}
