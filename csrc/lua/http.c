#include "lua/http.h"

#include "core/http.h"
#include "core/http_fields.h"
#include "core/http_sink.h"
#include "lua/class.h"
#include "lua/fields.h"
#include "lua/push.h"

#include <limits.h>
#include <string.h>

enum { MAX_HEADERS = 32, NAME_MOST = 128 };

static const char metatable_name[] = "marketplace.http_exchange";
static const lua_Number most_bytes = 1099511627776.0; /* 2^40; and seconds */

typedef struct exchange_box {
  mkt_http_exchange *exchange; /* NULL before it is started and after it is closed */
  bool is_in_use;              /* its bytes are being made into Lua values */
} exchange_box;

/* The request */

/* They stay on the stack too. */
static size_t read_headers(lua_State *L, const char *headers[MAX_HEADERS]) {
  mkt_lua_get_field(L, 1, "headers");
  if (lua_isnil(L, -1)) return 0;
  if (!lua_istable(L, -1)) luaL_error(L, "field 'headers' must be a list of strings");
  int list = lua_gettop(L);
  size_t count = (size_t)lua_rawlen(L, list);
  if (count > MAX_HEADERS) luaL_error(L, "more than %d headers", MAX_HEADERS);
  mkt_lua_need_stack(L, MAX_HEADERS);
  for (size_t i = 0; i < count; i++) {
    size_t n = 0;
    lua_rawgeti(L, list, (int)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "a header is not a string");
    headers[i] = lua_tolstring(L, -1, &n);
    if (strlen(headers[i]) != n) luaL_error(L, "a header has a NUL byte");
  }
  return count;
}

static bool is_sink(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return false;
  luaL_getmetatable(L, MKT_HTTP_SINK_TYPE);
  bool is_one = lua_istable(L, -1) && lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is_one;
}

/* A sink in C stays on the stack; one in Lua takes what is handed over to it. */
static void read_sink(lua_State *L, mkt_http_request *request) {
  mkt_lua_get_field(L, 1, "sink");
  if (is_sink(L, -1)) {
    request->sink = lua_touserdata(L, -1);
  } else if (lua_isuserdata(L, -1)) {
    luaL_error(L, "field 'sink' must be a function, or a sink of marketplace.package_io");
  } else {
    request->is_streamed = lua_toboolean(L, -1);
  }
}

/* The exchange, at 2, keeps the value on top of the stack alive. */
static void keep(lua_State *L) {
  lua_createtable(L, 1, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 1);
  lua_setuservalue(L, 2);
}

/* 0 is no limit. */
static size_t to_rate(lua_Number bytes_per_second) {
  return bytes_per_second > 0 && bytes_per_second < 1 ? 1 : (size_t)bytes_per_second;
}

static void read_request(lua_State *L, mkt_http_request *request,
                         const char *headers[MAX_HEADERS]) {
  luaL_checktype(L, 1, LUA_TTABLE);
  *request = (mkt_http_request){
      .method = mkt_lua_required_word(L, 1, "method"),
      .url = mkt_lua_required_word(L, 1, "url"),
      .headers = headers,
      .header_count = read_headers(L, headers),
      .timeout = mkt_lua_number_field(L, 1, "timeout", 30, most_bytes),
      .connect_timeout = mkt_lua_number_field(L, 1, "connect_timeout", 10, most_bytes),
      .low_speed_time = mkt_lua_number_field(L, 1, "low_speed_time", 0, most_bytes),
      .low_speed_limit = (size_t)mkt_lua_number_field(L, 1, "low_speed_limit", 0, INT_MAX),
      .max_response = (size_t)mkt_lua_number_field(L, 1, "max_response", 8 << 20, most_bytes),
      .ca_file = mkt_lua_word_field(L, 1, "ca_file"),
      .connect_to = mkt_lua_word_field(L, 1, "connect_to"),
      .wants_certificate = mkt_lua_flag_field(L, 1, "certificate"),
      .unix_socket = mkt_lua_word_field(L, 1, "unix_socket"),
      .plain_is_allowed = mkt_lua_flag_field(L, 1, "plain"),
      .most_per_second = to_rate(mkt_lua_number_field(L, 1, "max_bytes_per_second", 0, most_bytes)),
  };
  request->body = mkt_lua_text_field(L, 1, "body", &request->body_n);
  read_sink(L, request);
}

static int http_start(lua_State *L) {
  const char *headers[MAX_HEADERS];
  mkt_http_request request;
  mkt_error error;
  lua_settop(L, 1);
  exchange_box *box = mkt_lua_new(L, metatable_name, sizeof *box);
  read_request(L, &request, headers);
  if (request.sink != NULL) keep(L);
  if (request.sink != NULL && request.sink->is_in_use) {
    return luaL_error(L, "the sink is in use by another exchange");
  }
  if (mkt_http_start(&box->exchange, &request, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  lua_pushvalue(L, 2);
  return 1;
}

/* On this thread the bytes of some exchange are being made into Lua values. */
static _Thread_local bool is_reading;

static int http_poll(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  if (is_reading) luaL_error(L, "an exchange is in use: a finalizer must not wait for others");
  luaL_argcheck(L, seconds >= 0, 1, "must not be negative");
  int most = seconds < INT_MAX / 1000 ? (int)(seconds * 1000) : INT_MAX;
  lua_pushinteger(L, mkt_http_poll(most));
  return 1;
}

/* The exchange */

static exchange_box *check_free(lua_State *L) {
  exchange_box *box = luaL_checkudata(L, 1, metatable_name);
  luaL_argcheck(L, !box->is_in_use, 1, "in use: a finalizer must leave it alone");
  return box;
}

static exchange_box *check_box(lua_State *L) {
  exchange_box *box = check_free(L);
  luaL_argcheck(L, box->exchange != NULL, 1, "the exchange is closed");
  luaL_argcheck(L, mkt_http_is_ours(box->exchange), 1, "the exchange belongs to another process");
  return box;
}

static mkt_http_exchange *check_exchange(lua_State *L) {
  return check_box(L)->exchange;
}

/* Gives what `push` gives, which is called with the exchange as a light userdata. Whatever it makes
 * can set off a garbage collection, and so somebody's finalizer: that must neither end the exchange
 * nor have more arrive while its bytes are read. */
static int give(lua_State *L, lua_CFunction push) {
  lua_settop(L, 1);
  lua_pushcfunction(L, push);
  exchange_box *box = check_box(L);
  const bool was_reading = is_reading; /* a finalizer may read another one */
  lua_pushlightuserdata(L, box->exchange);
  box->is_in_use = is_reading = true;
  bool failed = lua_pcall(L, 1, LUA_MULTRET, 0) != 0;
  box->is_in_use = false;
  is_reading = was_reading;
  return failed ? lua_error(L) : lua_gettop(L) - 1;
}

static int exchange_close(lua_State *L) {
  exchange_box *box = check_free(L);
  mkt_http_exchange *exchange = box->exchange;
  box->exchange = NULL;
  mkt_http_end(exchange);
  return 0;
}

static int exchange_done(lua_State *L) {
  lua_pushboolean(L, mkt_http_is_done(check_exchange(L)));
  return 1;
}

static int exchange_limit(lua_State *L) {
  lua_Number most = luaL_checknumber(L, 2);
  luaL_argcheck(L, most >= 0 && most <= most_bytes, 2, "must not be negative");
  mkt_http_limit(check_exchange(L), to_rate(most));
  return 0;
}

/* Pushes a name in lower case: header names are compared without regard to case. */
static void push_name(lua_State *L, const char *name, size_t n) {
  char lower[NAME_MOST];
  if (n > sizeof lower) n = sizeof lower;
  for (size_t i = 0; i < n; i++)
    lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
  lua_pushlstring(L, lower, n);
}

static void push_value(lua_State *L, const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\t'))
    p++;
  while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
    end--;
  lua_pushlstring(L, p, (size_t)(end - p));
}

/* Stack: the headers, the name, the value; all but the headers are taken off. */
static void set_header(lua_State *L) {
  lua_pushvalue(L, -2);
  lua_rawget(L, -4);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_rawset(L, -3);
    return;
  }
  if (!lua_istable(L, -1)) {
    lua_createtable(L, 2, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
  }
  lua_insert(L, -2);
  lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
  lua_rawset(L, -3);
}

static void push_headers(lua_State *L, const mkt_buffer *head) {
  const char *p = head->p;
  const char *end = p != NULL ? p + head->n : NULL;
  lua_createtable(L, 0, 8);
  while (p != NULL && p < end) {
    const char *line_end = memchr(p, '\n', (size_t)(end - p));
    if (line_end == NULL) line_end = end;
    const char *colon = memchr(p, ':', (size_t)(line_end - p));
    if (colon != NULL && colon > p) {
      push_name(L, p, (size_t)(colon - p));
      push_value(L, colon + 1, line_end);
      set_header(L);
    }
    p = line_end + 1;
  }
}

static void push_names(lua_State *L, const mkt_buffer *names) {
  int count = 0;
  lua_createtable(L, 1, 0);
  for (size_t at = 0; at < names->n; at += strlen(names->p + at) + 1) {
    lua_pushstring(L, names->p + at);
    lua_rawseti(L, -2, ++count);
  }
}

/* Nil if none is known. */
static void push_certificate(lua_State *L, const mkt_http_exchange *exchange) {
  const mkt_http_certificate *certificate = mkt_http_certificate_of(exchange);
  if (certificate == NULL) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, 0, 3);
  lua_pushnumber(L, (lua_Number)certificate->starts_at);
  lua_setfield(L, -2, "starts_at");
  lua_pushnumber(L, (lua_Number)certificate->expires_at);
  lua_setfield(L, -2, "expires_at");
  push_names(L, &certificate->names);
  lua_setfield(L, -2, "names");
}

static int push_failure(lua_State *L, const mkt_http_exchange *exchange, const mkt_error *error) {
  int count = mkt_lua_push_error(L, error);
  if (count == 3) lua_createtable(L, 0, 1);
  lua_pushboolean(L, mkt_http_was_sent(exchange));
  lua_setfield(L, -2, "sent");
  push_certificate(L, exchange);
  lua_setfield(L, -2, "certificate");
  return 4;
}

static int push_body(lua_State *L, const mkt_http_exchange *exchange) {
  const mkt_buffer *body = mkt_http_body(exchange);
  lua_pushlstring(L, body->p != NULL ? body->p : "", body->n);
  return 1;
}

static int push_result(lua_State *L) {
  const mkt_http_exchange *exchange = lua_touserdata(L, 1);
  mkt_error error;
  if (mkt_http_result(exchange, &error) != MKT_OK) return push_failure(L, exchange, &error);
  lua_pushinteger(L, mkt_http_status(exchange));
  push_headers(L, mkt_http_head(exchange));
  (void)push_body(L, exchange);
  push_certificate(L, exchange);
  return 4;
}

static int exchange_result(lua_State *L) {
  luaL_argcheck(L, mkt_http_is_done(check_exchange(L)), 1, "the exchange is not done");
  return give(L, push_result);
}

static int push_head(lua_State *L) {
  const mkt_http_exchange *exchange = lua_touserdata(L, 1);
  lua_pushinteger(L, mkt_http_status(exchange));
  push_headers(L, mkt_http_head(exchange));
  return 2;
}

static int exchange_head(lua_State *L) {
  return mkt_http_status(check_exchange(L)) == 0 ? 0 : give(L, push_head);
}

static int push_taken(lua_State *L) {
  mkt_http_exchange *exchange = lua_touserdata(L, 1);
  int count = push_body(L, exchange);
  mkt_http_take(exchange);
  return count;
}

static int exchange_take(lua_State *L) {
  return give(L, push_taken);
}

/* Header fields */

static int http_date(lua_State *L) {
  double seconds;
  if (!mkt_http_date(luaL_checkstring(L, 1), &seconds)) return 0;
  lua_pushnumber(L, seconds);
  return 1;
}

static int retry_after(lua_State *L) {
  double seconds;
  if (!mkt_retry_after(luaL_checkstring(L, 1), luaL_checknumber(L, 2), &seconds)) return 0;
  lua_pushnumber(L, seconds);
  return 1;
}

void mkt_lua_add_http(lua_State *L) {
  static const luaL_Reg methods[] = {{"done", exchange_done},
                                     {"head", exchange_head},
                                     {"take", exchange_take},
                                     {"result", exchange_result},
                                     {"close", exchange_close},
                                     {"limit", exchange_limit},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", exchange_close}, {"__close", exchange_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"http_start", http_start},
                                       {"http_poll", http_poll},
                                       {"http_date", http_date},
                                       {"retry_after", retry_after},
                                       {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
