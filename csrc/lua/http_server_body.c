#include "lua/http_server_body.h"

enum { LENGTH, RATE }; /* where the options are, from the first one on */

static const lua_Number MOST = 9007199254740992.0; /* bytes */

static void push_raw_field(lua_State *L, int index, const char *name) {
  if (!lua_istable(L, index)) {
    lua_pushnil(L);
    return;
  }
  lua_pushstring(L, name);
  lua_rawget(L, index);
}

void mkt_lua_push_body_options(lua_State *L, int index) {
  push_raw_field(L, index, "length");
  push_raw_field(L, index, "rate");
}

/* The bytes of all pieces. */
static lua_Number check_pieces(lua_State *L, int i, int index, size_t count) {
  lua_Number total = 0;
  for (size_t k = 1; k <= count; k++) {
    lua_rawgeti(L, index, (int)k);
    if (lua_type(L, -1) != LUA_TSTRING) {
      luaL_error(L, "response %d: body: piece %d must be a string", i, (int)k);
    }
    total += (lua_Number)lua_rawlen(L, -1);
    lua_pop(L, 1);
  }
  return total;
}

static bool is_number_from(lua_State *L, int index, lua_Number least) {
  const lua_Number number = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;
  return number >= least && number <= MOST;
}

static bool is_false(lua_State *L, int index) {
  return lua_isboolean(L, index) && !lua_toboolean(L, index);
}

void mkt_lua_check_body(lua_State *L, int i, int index, int options) {
  const size_t count = lua_rawlen(L, index);
  if (count > MKT_BODY_PIECES_MOST) {
    luaL_error(L, "response %d: body: more than %d pieces", i, (int)MKT_BODY_PIECES_MOST);
  }
  const lua_Number total = check_pieces(L, i, index, count);
  const int length = options + LENGTH;
  if (!lua_isnil(L, length) && !is_false(L, length) && !is_number_from(L, length, total)) {
    luaL_error(L, "response %d: body: length must be false, or not less than its bytes", i);
  }
  if (!lua_isnil(L, options + RATE) && !is_number_from(L, options + RATE, 1)) {
    luaL_error(L, "response %d: body: rate must be at least 1 byte a second", i);
  }
}

static bool add_pieces(lua_State *L, int index, mkt_body *body, size_t count) {
  bool has_room = true;
  for (size_t k = 1; k <= count && has_room; k++) {
    size_t n = 0;
    lua_rawgeti(L, index, (int)k);
    const char *p = lua_tolstring(L, -1, &n);
    has_room = mkt_body_add(body, p, n);
    lua_pop(L, 1);
  }
  return has_room;
}

static void set_options(lua_State *L, int options, mkt_body *body) {
  const int length = options + LENGTH;
  if (!lua_isnil(L, length)) {
    mkt_body_promise(body,
                     is_false(L, length) ? MKT_BODY_NO_LENGTH : (uint64_t)lua_tonumber(L, length));
  }
  if (!lua_isnil(L, options + RATE)) {
    mkt_body_limit_rate(body, (uint64_t)lua_tonumber(L, options + RATE));
  }
}

mkt_body *mkt_lua_make_body(lua_State *L, int index, int options) {
  const size_t count = lua_rawlen(L, index);
  mkt_body *body = mkt_body_open(count);
  if (body == NULL) return NULL;
  if (!add_pieces(L, index, body, count)) {
    mkt_body_close(body);
    return NULL;
  }
  set_options(L, options, body);
  return body;
}
