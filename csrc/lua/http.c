#include "lua/http.h"

#include "core/http.h"
#include "lua/push.h"

enum { MAX_HEADERS = 32, MAX_RESPONSE_BYTES = 1024 * 1024 };

static const char response_metatable[] = "marketplace.http_response";

static int collect_response(lua_State *L) {
  mkt_http_response_clear(lua_touserdata(L, 1));
  return 0;
}

/* A userdata, so that the answer's bytes are freed even where pushing them raises. */
static mkt_http_response *new_response(lua_State *L) {
  mkt_http_response *response = lua_newuserdata(L, sizeof *response);
  *response = (mkt_http_response){0};
  if (luaL_newmetatable(L, response_metatable)) {
    lua_pushcfunction(L, collect_response);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return response;
}

/* The strings stay on the stack, above the list, for as long as the request borrows them. */
static size_t read_headers(lua_State *L, int list, const char *headers[MAX_HEADERS]) {
  luaL_checktype(L, list, LUA_TTABLE);
  size_t count = lua_rawlen(L, list);
  luaL_argcheck(L, count <= MAX_HEADERS, list, "more than 32 headers");
  luaL_checkstack(L, MAX_HEADERS + LUA_MINSTACK, NULL);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (int)i + 1);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, list, "a header is not a string");
    headers[i] = lua_tostring(L, -1);
  }
  return count;
}

int mkt_lua_http(lua_State *L) {
  const char *headers[MAX_HEADERS];
  mkt_http_request request = {.method = luaL_checkstring(L, 1),
                              .url = luaL_checkstring(L, 2),
                              .headers = headers,
                              .timeout = luaL_checknumber(L, 5),
                              .max_response = MAX_RESPONSE_BYTES,
                              .ca_file = luaL_optstring(L, 6, NULL)};
  request.body = luaL_optlstring(L, 4, NULL, &request.body_n);
  lua_settop(L, 6);
  mkt_http_response *response = new_response(L);
  request.header_count = read_headers(L, 3, headers);
  mkt_error error;
  if (mkt_http_exchange(&request, response, &error) != MKT_OK) return mkt_push_error(L, &error);
  lua_pushinteger(L, response->status);
  lua_pushlstring(L, response->body.p != NULL ? response->body.p : "", response->body.n);
  mkt_http_response_clear(response);
  return 2;
}
