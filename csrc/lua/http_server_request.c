#include "lua/http_server_request.h"

#include "lua/push.h"

static void set_text(lua_State *L, const char *name, mkt_text text) {
  if (text.p == NULL) return;
  lua_pushlstring(L, text.p, text.n);
  lua_setfield(L, -2, name);
}

/* Stack: the headers, the name, the new value, the value there is. */
static void add_repeated(lua_State *L) {
  if (lua_istable(L, -1)) {
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    lua_pop(L, 3);
    return;
  }
  lua_createtable(L, 2, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 1);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 2);
  lua_rawset(L, -3);
}

static void add_header(lua_State *L, mkt_text name, mkt_text value) {
  lua_pushlstring(L, name.p, name.n);
  lua_pushlstring(L, value.p, value.n);
  lua_pushvalue(L, -2);
  lua_rawget(L, -4);
  if (!lua_isnil(L, -1)) {
    add_repeated(L);
    return;
  }
  lua_pop(L, 1);
  lua_rawset(L, -3);
}

static void push_headers(lua_State *L, const mkt_request *request) {
  mkt_text name, value;
  size_t cursor = 0;
  lua_createtable(L, 0, 8);
  while (mkt_request_header(request, &cursor, &name, &value))
    add_header(L, name, value);
}

static const char *fault_word(mkt_fault fault) {
  static const char *const words[] = {
      [MKT_FAULT_TIMEOUT] = "timeout",       [MKT_FAULT_TOO_LARGE] = "too_large",
      [MKT_FAULT_OVERLOADED] = "overloaded", [MKT_FAULT_UNREAD] = "unread",
      [MKT_FAULT_MALFORMED] = "malformed",   [MKT_FAULT_NO_LENGTH] = "no_length",
      [MKT_FAULT_NO_REQUEST] = "no_request",
  };
  return words[fault];
}

void mkt_lua_push_request(lua_State *L, const mkt_request *request) {
  lua_createtable(L, 0, 8);
  lua_pushnumber(L, (lua_Number)mkt_request_handle(request));
  lua_setfield(L, -2, "handle");
  set_text(L, "method", mkt_request_method(request));
  set_text(L, "path", mkt_request_path(request));
  set_text(L, "query", mkt_request_query(request));
  set_text(L, "remote", mkt_request_remote(request));
  set_text(L, "body", mkt_request_body(request));
  push_headers(L, request);
  lua_setfield(L, -2, "headers");
  if (mkt_request_answered(request) != 0) {
    mkt_lua_push_integer(L, mkt_request_answered(request));
    lua_setfield(L, -2, "answered");
  }
  if (mkt_request_fault(request) == MKT_FAULT_NONE) return;
  lua_pushstring(L, fault_word(mkt_request_fault(request)));
  lua_setfield(L, -2, "fault");
}
