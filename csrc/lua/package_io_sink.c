#include "core/http_sink.h"
#include "lua/class.h"
#include "lua/fields.h"
#include "lua/package_io.h"
#include "lua/push.h"
#include "packages/sink.h"

typedef struct sink_box {
  mkt_http_sink http;     /* first, for exchanges */
  mkt_package_sink *sink; /* NULL before it is opened and after it is closed */
} sink_box;

/* ---- For exchanges: the sink may be closed under them, or be the parent process's ---- */

static mkt_package_sink *opened(mkt_http_sink *http, mkt_error *error) {
  mkt_package_sink *sink = ((sink_box *)http)->sink;
  if (sink != NULL && mkt_package_sink_is_ours(sink)) return sink;
  (void)mkt_fail(error, MKT_ERR_HTTP_FAILED,
                 sink == NULL ? "the sink was closed" : "the sink belongs to another process");
  return NULL;
}

static mkt_code begin(mkt_http_sink *http, uint64_t from, uint64_t length, mkt_error *error) {
  mkt_package_sink *sink = opened(http, error);
  return sink != NULL ? mkt_package_sink_begin(sink, from, length, error) : MKT_ERR_HTTP_FAILED;
}

static mkt_http_sink_taken take(mkt_http_sink *http, const char *p, size_t n, mkt_error *error) {
  mkt_package_sink *sink = opened(http, error);
  return sink != NULL ? mkt_package_sink_take(sink, p, n, error) : MKT_HTTP_SINK_FAILED;
}

static bool has_room(mkt_http_sink *http) {
  mkt_package_sink *sink = opened(http, NULL);
  return sink == NULL || mkt_package_sink_has_room(sink);
}

static void wake_by(mkt_http_sink *http, void (*wake)(void *of), void *of) {
  mkt_package_sink *sink = opened(http, NULL);
  if (sink != NULL) mkt_package_sink_wake_by(sink, wake, of);
}

/* ---- For Lua ---- */

static int sink_open(lua_State *L) {
  static const mkt_http_sink_calls calls = {begin, take, has_room, wake_by};
  mkt_package_order order = {.resumes = false};
  mkt_error error;
  lua_settop(L, 1);
  sink_box *box = mkt_lua_new(L, MKT_HTTP_SINK_TYPE, sizeof *box);
  mkt_lua_read_asset(L, &order.path, &order.wanted);
  order.resumes = mkt_lua_flag_field(L, 1, "resume");
  box->http.calls = &calls;
  if (mkt_package_sink_open(&box->sink, &order, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  lua_pushvalue(L, 2);
  return 1;
}

static mkt_package_sink *check_sink(lua_State *L) {
  const sink_box *box = luaL_checkudata(L, 1, MKT_HTTP_SINK_TYPE);
  luaL_argcheck(L, box->sink != NULL, 1, "the sink is closed");
  luaL_argcheck(L, mkt_package_sink_is_ours(box->sink), 1, "the sink belongs to another process");
  return box->sink;
}

static int sink_close(lua_State *L) {
  sink_box *box = luaL_checkudata(L, 1, MKT_HTTP_SINK_TYPE);
  mkt_package_sink *sink = box->sink;
  box->sink = NULL;
  mkt_package_sink_close(sink);
  return 0;
}

static int sink_ready(lua_State *L) {
  lua_pushboolean(L, mkt_package_sink_is_ready(check_sink(L)));
  return 1;
}

static int sink_offset(lua_State *L) {
  uint64_t offset = 0;
  mkt_error error;
  if (mkt_package_sink_offset(check_sink(L), &offset, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  mkt_lua_push_integer(L, offset);
  return 1;
}

static int sink_written(lua_State *L) {
  mkt_lua_push_integer(L, mkt_package_sink_written(check_sink(L)));
  return 1;
}

static int sink_restart(lua_State *L) {
  mkt_error error;
  mkt_package_sink *sink = check_sink(L);
  const sink_box *box = lua_touserdata(L, 1);
  luaL_argcheck(L, !box->http.is_in_use, 1, "the sink is in use by an exchange");
  return mkt_lua_push_outcome(L, mkt_package_sink_restart(sink, &error), &error);
}

static int sink_finish(lua_State *L) {
  mkt_package_found found;
  mkt_error error;
  if (mkt_package_sink_finish(check_sink(L), &found, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  return mkt_lua_push_found(L, &found);
}

void mkt_lua_add_package_sink(lua_State *L) {
  static const luaL_Reg methods[] = {{"ready", sink_ready},
                                     {"offset", sink_offset},
                                     {"written", sink_written},
                                     {"restart", sink_restart},
                                     {"finish", sink_finish},
                                     {"close", sink_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", sink_close}, {"__close", sink_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"sink", sink_open}, {NULL, NULL}};
  mkt_lua_class(L, MKT_HTTP_SINK_TYPE, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
