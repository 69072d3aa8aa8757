/* http_server.c: marketplace.http_server, the Lua side of csrc/server. */
#include "lua/class.h"
#include "lua/compat.h"
#include "lua/http_server_body.h"
#include "lua/http_server_options.h"
#include "lua/http_server_request.h"
#include "lua/pin.h"
#include "lua/push.h"
#include "server/server.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TYPE "marketplace.http_server"

typedef struct server_box {
  mkt_server *server; /* NULL before it is open and after it is closed */
  bool is_in_use;     /* its requests are being made into tables */
} server_box;

static int http_server_open(lua_State *L) {
  mkt_server_options options;
  mkt_error error;
  lua_settop(L, 1);
  server_box *box = mkt_lua_new(L, TYPE, sizeof *box);
  mkt_lua_read_server_options(L, 1, &options);
  if (mkt_server_open(&box->server, &options, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  lua_pushvalue(L, 2);
  return 1;
}

/* The userdata */

/* Whatever Lua makes can set off a garbage collection, and so somebody's finalizer, which may do
 * anything, even close this server: it is asked for anew after anything was made, and while its
 * bytes are read a finalizer is refused. */
static server_box *check_free(lua_State *L) {
  server_box *box = luaL_checkudata(L, 1, TYPE);
  if (box->is_in_use) luaL_error(L, "the server is in use: a finalizer must leave it alone");
  return box;
}

static server_box *check_open(lua_State *L) {
  server_box *box = check_free(L);
  if (box->server == NULL) luaL_error(L, "the server is closed");
  return box;
}

static server_box *check_box(lua_State *L) {
  server_box *box = check_open(L);
  if (!mkt_server_is_ours(box->server)) luaL_error(L, "the server belongs to the parent process");
  return box;
}

static mkt_server *check_server(lua_State *L) {
  return check_box(L)->server;
}

static int server_close(lua_State *L) {
  server_box *box = check_free(L);
  mkt_server *server = box->server;
  box->server = NULL;
  mkt_server_close(server);
  return 0;
}

static int server_address(lua_State *L) {
  const mkt_server *server = check_server(L);
  char host[MKT_SERVER_ADDRESS_BYTES];
  const lua_Integer port = mkt_server_port(server);
  (void)snprintf(host, sizeof host, "%s", mkt_server_host(server));
  lua_pushstring(L, host);
  lua_pushinteger(L, port);
  return 2;
}

/* PEM text, as the options have it. */
static const char *check_pem(lua_State *L, int index) {
  size_t n;
  luaL_checktype(L, index, LUA_TSTRING);
  const char *text = lua_tolstring(L, index, &n);
  luaL_argcheck(L, strlen(text) == n, index, "has a NUL byte");
  return text;
}

static int server_set_certificate(lua_State *L) {
  mkt_error error;
  mkt_server *server = check_server(L);
  const char *cert = check_pem(L, 2);
  const char *key = check_pem(L, 3);
  return mkt_lua_push_outcome(L, mkt_server_set_certificate(server, cert, key, &error), &error);
}

static int server_drain(lua_State *L) {
  mkt_server_drain(check_server(L));
  return 0;
}

static void set_count(lua_State *L, const char *name, uint64_t count) {
  mkt_lua_push_integer(L, count);
  lua_setfield(L, -2, name);
}

static int server_stats(lua_State *L) {
  mkt_server_stats stats = mkt_server_statistics(check_server(L));
  lua_createtable(L, 0, 7);
  set_count(L, "connections", stats.connections);
  set_count(L, "waiting", stats.waiting);
  set_count(L, "buffered", stats.buffered);
  set_count(L, "accepted", stats.accepted);
  set_count(L, "evicted", stats.evicted);
  set_count(L, "refused", stats.refused);
  if (stats.tls_expires_at != 0) {
    lua_pushnumber(L, (lua_Number)stats.tls_expires_at);
    lua_setfield(L, -2, "tls_expires_at");
  }
  return 1;
}

/* Of a caller's table, without its metamethods: what they give need not stay alive, and they could
 * do anything, even close the server. The index is positive. */
static void get_raw_field(lua_State *L, int index, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, index);
}

/* Requests */

/* NaN is refused, infinity is as long as it gets. */
static int check_milliseconds(lua_State *L, int index) {
  lua_Number seconds = luaL_checknumber(L, index);
  luaL_argcheck(L, seconds >= 0, index, "must not be negative");
  return seconds < INT_MAX / 1000 ? (int)(seconds * 1000) : INT_MAX;
}

/* Of the server that is the light userdata at index 1: its ready requests, so many. */
static int push_ready(lua_State *L) {
  const mkt_request *request = mkt_server_ready(lua_touserdata(L, 1));
  lua_createtable(L, (int)lua_tointeger(L, 2), 0);
  for (int i = 1; request != NULL; request = mkt_request_next(request), i++) {
    mkt_lua_push_request(L, request);
    lua_rawseti(L, -2, i);
  }
  return 1;
}

/* The requests are taken when all of them are in the table: if memory ends before that, none is. */
static int server_poll(lua_State *L) {
  (void)check_server(L);
  int milliseconds = check_milliseconds(L, 2);
  lua_pushcfunction(L, push_ready);
  server_box *box = check_box(L);
  size_t count = mkt_server_poll(box->server, milliseconds);
  lua_pushlightuserdata(L, box->server);
  lua_pushinteger(L, (lua_Integer)count);
  box->is_in_use = true;
  bool failed = lua_pcall(L, 2, 1, 0) != 0;
  box->is_in_use = false;
  if (failed) return lua_error(L);
  mkt_server_take(box->server);
  mkt_lua_push_integer(L, mkt_server_refused(box->server).all);
  return 2;
}

/* Adds those of a kind to the list on top of the stack; route: from 1 on, 0 for what is of none. */
static void push_refused(lua_State *L, mkt_refusal refusal, uint64_t count, size_t route) {
  const unsigned status = mkt_refusal_status(refusal);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, mkt_refusal_code(refusal));
  lua_setfield(L, -2, "code");
  if (status != 0) set_count(L, "status", status);
  set_count(L, "count", count);
  if (route != 0) set_count(L, "route", route);
  lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
}

static void push_all_refused(lua_State *L, const mkt_refused *refused, size_t route) {
  for (int refusal = MKT_REFUSAL_NONE + 1; refusal < MKT_REFUSALS; refusal++) {
    const uint64_t count = refused->of_kind[refusal];
    if (count > 0) push_refused(L, (mkt_refusal)refusal, count, route);
  }
}

/* A list of what was refused and not handed out, by why, and of which of the routes it was. */
static int server_refused(lua_State *L) {
  mkt_refused refused = mkt_server_refused(check_server(L));
  lua_newtable(L);
  push_all_refused(L, &refused, 0);
  for (size_t i = 0; i < mkt_server_route_count(check_server(L)); i++) {
    refused = mkt_server_refused_of_route(check_server(L), i);
    push_all_refused(L, &refused, i + 1);
  }
  return 1;
}

/* Answers */

/* Where the requests and responses are, and what push_response pushes. */
enum { REQUESTS = 2, RESPONSES, RESPONSE, STATUS, HEADERS, BODY, BODY_OPTIONS };

typedef struct answer_box {
  mkt_answer answer;
  mkt_field headers[MKT_ANSWER_HEADERS];
} answer_box;

static void add_answer_header(lua_State *L, int i, answer_box *box, const char *name,
                              size_t name_length) {
  size_t value_length = 0;
  if (lua_type(L, -1) != LUA_TSTRING) {
    luaL_error(L, "response %d: header '%s' must be a string", i, name);
  }
  const char *value = lua_tolstring(L, -1, &value_length);
  const char *problem = mkt_answer_header_problem(name, name_length, value, value_length);
  if (problem != NULL) luaL_error(L, "response %d: header '%s' %s", i, name, problem);
  if (box->answer.header_count == MKT_ANSWER_HEADERS) {
    luaL_error(L, "response %d: more than %d headers", i, MKT_ANSWER_HEADERS);
  }
  box->headers[box->answer.header_count++] = (mkt_field){name, value};
}

/* The name is below the value on top of the stack; the value is a string or a list of strings. */
static void read_header(lua_State *L, int i, answer_box *box) {
  size_t name_length = 0;
  if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "response %d: header names must be strings", i);
  const char *name = lua_tolstring(L, -2, &name_length);
  if (!lua_istable(L, -1)) {
    add_answer_header(L, i, box, name, name_length);
    return;
  }
  int count = (int)lua_rawlen(L, -1);
  for (int k = 1; k <= count; k++) {
    lua_rawgeti(L, -1, k);
    add_answer_header(L, i, box, name, name_length);
    lua_pop(L, 1);
  }
}

static void read_headers(lua_State *L, int i, answer_box *box) {
  if (lua_isnil(L, HEADERS)) return;
  if (!lua_istable(L, HEADERS)) luaL_error(L, "response %d: headers must be a table", i);
  for (lua_pushnil(L); lua_next(L, HEADERS) != 0; lua_pop(L, 1))
    read_header(L, i, box);
}

static void read_status(lua_State *L, int i, answer_box *box) {
  lua_Number status = lua_type(L, STATUS) == LUA_TNUMBER ? lua_tonumber(L, STATUS) : 0;
  if (!(status >= 200 && status <= 599)) {
    luaL_error(L, "response %d: status must be a number from 200 to 599", i);
  }
  box->answer.status = (unsigned)status;
}

static void read_body(lua_State *L, int i, answer_box *box) {
  if (lua_type(L, BODY) == LUA_TSTRING) {
    box->answer.body = lua_tolstring(L, BODY, &box->answer.body_length);
  } else if (lua_istable(L, BODY)) {
    mkt_lua_check_body(L, i, BODY, BODY_OPTIONS);
  } else if (!lua_isnil(L, BODY)) {
    luaL_error(L, "response %d: body must be a string or a list of strings", i);
  }
}

/* Response number i, and its fields, in their places. */
static void push_response(lua_State *L, int i) {
  lua_settop(L, RESPONSES);
  lua_rawgeti(L, RESPONSES, i);
  if (!lua_istable(L, RESPONSE)) luaL_error(L, "response %d must be a table", i);
  get_raw_field(L, RESPONSE, "status");
  get_raw_field(L, RESPONSE, "headers");
  get_raw_field(L, RESPONSE, "body");
  mkt_lua_push_body_options(L, BODY);
}

/* Of the response that was pushed. Its strings are kept alive by its tables, as long as nothing is
 * made in Lua, for that may run a finalizer that empties them. It holds no memory of its own, so
 * that anything here may raise. */
static void read_response(lua_State *L, int i, answer_box *box) {
  box->answer = (mkt_answer){.headers = box->headers, .body = ""};
  read_status(L, i, box);
  read_headers(L, i, box);
  read_body(L, i, box);
}

/* Of the request on top of the stack, 0 if it has none. */
static mkt_handle get_handle(lua_State *L) {
  get_raw_field(L, lua_gettop(L), "handle");
  const lua_Number number = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return number > 0 && number < 4503599627370496.0 ? (mkt_handle)number : 0;
}

/* The server, which is this process's, and the handle of request number i; raises if that awaits no
 * answer of it. */
static mkt_server *find_request(lua_State *L, int i, mkt_handle *handle) {
  lua_rawgeti(L, REQUESTS, i);
  if (!lua_istable(L, -1)) luaL_error(L, "request %d must be a table", i);
  *handle = get_handle(L);
  lua_pop(L, 1);
  mkt_server *server = check_open(L)->server;
  if (!mkt_server_is_waiting(server, *handle)) {
    luaL_error(L, "request %d was answered before, or is not of this server", i);
  }
  return server;
}

/* The response that was read. If memory is too short for its pieces the client gets none. */
static void send_response(lua_State *L, mkt_server *server, mkt_handle handle, answer_box *box) {
  if (lua_istable(L, BODY)) {
    box->answer.pieces = mkt_lua_make_body(L, BODY, BODY_OPTIONS);
    if (box->answer.pieces == NULL) box->answer.status = MKT_STATUS_NO_ANSWER;
  }
  mkt_server_answer(server, handle, &box->answer);
}

/* Everything is checked before anything is answered. */
static int server_answer(lua_State *L) {
  answer_box box;
  mkt_handle handle;
  (void)check_server(L);
  luaL_checktype(L, REQUESTS, LUA_TTABLE);
  luaL_checktype(L, RESPONSES, LUA_TTABLE);
  int count = (int)lua_rawlen(L, REQUESTS);
  luaL_argcheck(L, (int)lua_rawlen(L, RESPONSES) == count, RESPONSES,
                "as many responses as requests are expected");
  for (int i = 1; i <= count; i++) {
    push_response(L, i);
    (void)find_request(L, i, &handle);
    read_response(L, i, &box);
  }
  for (int i = 1; i <= count; i++) {
    push_response(L, i);
    mkt_server *server = find_request(L, i, &handle);
    read_response(L, i, &box);
    send_response(L, server, handle, &box);
  }
  if (count > 0) mkt_server_flush(check_server(L));
  return 0;
}

/* Of a request that is not answered. */
static int server_is_abandoned(lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  const mkt_handle handle = get_handle(L);
  lua_pushboolean(L, mkt_server_is_abandoned(check_server(L), handle));
  return 1;
}

static const luaL_Reg METHODS[] = {
    {"address", server_address},
    {"answer", server_answer},
    {"close", server_close},
    {"drain", server_drain},
    {"is_abandoned", server_is_abandoned},
    {"poll", server_poll},
    {"refused", server_refused},
    {"stats", server_stats},
    {"set_certificate", server_set_certificate},
    {NULL, NULL},
};

static const luaL_Reg METAMETHODS[] = {
    {"__gc", server_close},
    {"__close", server_close},
    {NULL, NULL},
};

static const luaL_Reg FUNCTIONS[] = {
    {"open", http_server_open},
    {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_marketplace_http_server(lua_State *L);

int luaopen_marketplace_http_server(lua_State *L) {
  mkt_lua_pin();
  mkt_lua_class(L, TYPE, METHODS, METAMETHODS);
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
