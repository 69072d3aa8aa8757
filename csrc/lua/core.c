/* core.c: the module marketplace.core. Its functions are for lua/marketplace/, which is where the
 * public ones are documented. */
#include "core/error.h"
#include "core/hex.h"
#include "core/notification.h"
#include "core/openssl_version.h"
#include "core/signals.h"
#include "core/signature.h"
#include "core/utf8.h"
#include "lua/command.h"
#include "lua/compat.h"
#include "lua/envelope.h"
#include "lua/es256.h"
#include "lua/file.h"
#include "lua/hash.h"
#include "lua/http.h"
#include "lua/json_value.h"
#include "lua/keyring.h"
#include "lua/log_writer.h"
#include "lua/notification.h"
#include "lua/pin.h"
#include "lua/push.h"
#include "lua/record.h"
#include "lua/times.h"

#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

static int random_hex(lua_State *L) {
  unsigned char bytes[64];
  char hex[2 * sizeof bytes];
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 1 && n <= (lua_Integer)sizeof bytes, 1, "1 to 64 bytes");
  if (RAND_bytes(bytes, (int)n) != 1) return luaL_error(L, "OpenSSL has no random bytes");
  mkt_hex(bytes, (size_t)n, hex);
  lua_pushlstring(L, hex, 2 * (size_t)n);
  return 1;
}

static int is_utf8(lua_State *L) {
  size_t n, at = 0;
  const char *p = luaL_checklstring(L, 1, &n);
  while (at < n) {
    size_t length = mkt_utf8_length(p + at, n - at);
    if (length == 0) break;
    at += length;
  }
  lua_pushboolean(L, at == n);
  return 1;
}

static int process_id(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)getpid());
  return 1;
}

static int catch_signals(lua_State *L) {
  (void)L;
  mkt_signals_catch();
  return 0;
}

static int stop_asked(lua_State *L) {
  lua_pushboolean(L, mkt_signals_stop_asked());
  return 1;
}

static int stopping_for(lua_State *L) {
  lua_pushnumber(L, mkt_signals_stopping_for());
  return 1;
}

/* limit_stop(seconds, stream, line): the line begins when the epoch does. */
static int limit_stop(lua_State *L) {
  static const char epoch[] = "1970-01-01T00:00:00.000Z";
  static const char *const streams[] = {"stdout", "stderr", NULL};
  const double seconds = luaL_checknumber(L, 1);
  mkt_last_line line = {.fd = luaL_checkoption(L, 2, NULL, streams) + STDOUT_FILENO};
  mkt_error error;
  line.p = luaL_checklstring(L, 3, &line.n);
  const char *at = strstr(line.p, epoch);
  luaL_argcheck(L, at != NULL && line.n <= MKT_LAST_LINE_BYTES, 3, "not a line of the epoch");
  line.time_at = (size_t)(at - line.p);
  return mkt_lua_push_outcome(L, mkt_signals_limit_stop(seconds, &line, &error), &error);
}

static int take_reload(lua_State *L) {
  lua_pushboolean(L, mkt_signals_take_reload());
  return 1;
}

static void push_errors(lua_State *L) {
  lua_createtable(L, 0, MKT_CODE_COUNT);
  for (int code = MKT_OK + 1; code < MKT_CODE_COUNT; code++) {
    lua_pushstring(L, mkt_code_text((mkt_code)code));
    lua_setfield(L, -2, mkt_code_word((mkt_code)code));
  }
}

/* So that Lua repeats none of them. */
static void push_limits(lua_State *L) {
  static const struct {
    const char *name;
    int value;
  } limits[] = {{"secrets", MKT_MAX_SECRETS},
                {"body_bytes", MKT_JSON_MAX_BYTES},
                {"depth", MKT_JSON_MAX_DEPTH},
                {"id_bytes", MKT_MAX_ID_BYTES}};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    lua_pushinteger(L, limits[i].value);
    lua_setfield(L, -2, limits[i].name);
  }
}

__attribute__((visibility("default"))) int luaopen_marketplace_core(lua_State *L);

int luaopen_marketplace_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"random_hex", random_hex},
                                       {"is_utf8", is_utf8},
                                       {"process_id", process_id},
                                       {"catch_signals", catch_signals},
                                       {"stop_asked", stop_asked},
                                       {"stopping_for", stopping_for},
                                       {"limit_stop", limit_stop},
                                       {"take_reload", take_reload},
                                       {NULL, NULL}};
  mkt_error error;
  if (mkt_openssl_check(&error) != MKT_OK) return luaL_error(L, "%s", error.message);
  mkt_lua_pin();
  luaL_newlib(L, functions);
  mkt_lua_add_command(L);
  mkt_lua_add_times(L);
  mkt_lua_add_notification(L);
  mkt_lua_add_record(L);
  mkt_lua_add_envelope(L);
  mkt_lua_add_es256(L);
  mkt_lua_add_file(L);
  mkt_lua_add_hash(L);
  mkt_lua_add_http(L);
  mkt_lua_add_json(L);
  mkt_lua_add_log_writer(L);
  mkt_lua_push_keyring(L);
  lua_setfield(L, -2, "keyring");
  push_errors(L);
  lua_setfield(L, -2, "errors");
  push_limits(L);
  lua_setfield(L, -2, "limits");
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  return 1;
}
