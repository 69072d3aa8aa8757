#include "lua/json_value.h"

#include "lua/push.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_TEXT_BYTES = 512, LEVEL_SLOTS = 4 };

/* So many members of a list or an object are kept on the stack before its table is made, with room
 * for them: a table that grows is made anew again and again. */
enum { HELD = 16 };

void mkt_lua_push_text(lua_State *L, mkt_json_text text) {
  if (!text.escaped) {
    lua_pushlstring(L, text.p, text.n);
    return;
  }
  char small[SMALL_TEXT_BYTES];
  if (text.n <= sizeof small) {
    lua_pushlstring(L, small, mkt_json_decode(text, small));
    return;
  }
  char *large = lua_newuserdata(L, text.n);
  lua_pushlstring(L, large, mkt_json_decode(text, large));
  lua_remove(L, -2);
}

/* strtod obeys the process's locale, JSON's decimal point does not. */
static locale_t c_locale;

static void make_c_locale(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static double number_value(const char *p) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, make_c_locale);
  return c_locale != (locale_t)0 ? strtod_l(p, NULL, c_locale) : strtod(p, NULL);
}

/* A value on its way from the text to Lua. */
typedef struct builder {
  mkt_json json;
  int lists; /* the index of the metatable that lists get; 0: they get none */
  bool has_infinite_number;
} builder;

static void push_number(lua_State *L, builder *b) {
  const mkt_json_text text = b->json.text;
  if (strcspn(text.p, ".eE,]} \t\r\n") >= text.n) {
    errno = 0;
    long long integer = strtoll(text.p, NULL, 10);
    if (errno == 0) {
      mkt_lua_push_integer(L, integer);
      return;
    }
  }
  const double number = number_value(text.p);
  if (isinf(number)) b->has_infinite_number = true;
  lua_pushnumber(L, number);
}

static bool push_value(lua_State *L, builder *b, mkt_json_token token);

/* Makes a list of the values from `first` on, in their place. */
static void make_list(lua_State *L, const builder *b, int first) {
  const int count = lua_gettop(L) - first + 1;
  lua_createtable(L, count, 0);
  if (b->lists != 0) {
    lua_pushvalue(L, b->lists);
    lua_setmetatable(L, -2);
  }
  lua_insert(L, first);
  for (int i = count; i > 0; i--)
    lua_rawseti(L, first, i);
}

/* Makes an object of the names and values from `first` on, in their place; of two members with one
 * name the last counts. */
static void make_object(lua_State *L, int first) {
  const int object = lua_gettop(L) + 1;
  lua_createtable(L, 0, (object - first) / 2);
  for (int i = first; i < object; i += 2) {
    lua_pushvalue(L, i);
    lua_pushvalue(L, i + 1);
    lua_rawset(L, object);
  }
  lua_insert(L, first);
  lua_settop(L, first);
}

static bool push_list(lua_State *L, builder *b) {
  mkt_lua_need_stack(L, HELD + LEVEL_SLOTS);
  const int list = lua_gettop(L) + 1;
  mkt_json_token token = mkt_json_next(&b->json);
  int count = 0;
  for (; count < HELD && token != MKT_JSON_ARRAY_END; count++) {
    if (!push_value(L, b, token)) return false;
    token = mkt_json_next(&b->json);
  }
  make_list(L, b, list);
  while (token != MKT_JSON_ARRAY_END) {
    if (!push_value(L, b, token)) return false;
    lua_rawseti(L, list, ++count);
    token = mkt_json_next(&b->json);
  }
  return true;
}

static bool push_member(lua_State *L, builder *b) {
  mkt_lua_push_text(L, b->json.text);
  return push_value(L, b, mkt_json_next(&b->json));
}

static bool push_object(lua_State *L, builder *b) {
  mkt_lua_need_stack(L, 2 * HELD + LEVEL_SLOTS);
  const int object = lua_gettop(L) + 1;
  mkt_json_token token = mkt_json_next(&b->json);
  for (int count = 0; count < HELD && token == MKT_JSON_NAME; count++) {
    if (!push_member(L, b)) return false;
    token = mkt_json_next(&b->json);
  }
  make_object(L, object);
  while (token == MKT_JSON_NAME) {
    if (!push_member(L, b)) return false;
    lua_rawset(L, object);
    token = mkt_json_next(&b->json);
  }
  return token == MKT_JSON_OBJECT_END;
}

/* The value that the token begins. False on a fault of the JSON: then something of it may be on the
 * stack. */
static bool push_value(lua_State *L, builder *b, mkt_json_token token) {
  switch (token) {
  case MKT_JSON_OBJECT:
    return push_object(L, b);
  case MKT_JSON_ARRAY:
    return push_list(L, b);
  case MKT_JSON_STRING:
    mkt_lua_push_text(L, b->json.text);
    return true;
  case MKT_JSON_NUMBER:
    push_number(L, b);
    return true;
  case MKT_JSON_TRUE:
  case MKT_JSON_FALSE:
    lua_pushboolean(L, token == MKT_JSON_TRUE);
    return true;
  case MKT_JSON_NULL:
    lua_pushlightuserdata(L, NULL);
    return true;
  default:
    return false;
  }
}

static void begin(builder *b, const char *p, size_t n, mkt_json_flags flags, int lists) {
  mkt_json_init(&b->json, p, n, flags);
  b->lists = lists;
  b->has_infinite_number = false;
}

void mkt_lua_push_json(lua_State *L, mkt_json_value value) {
  builder b;
  begin(&b, value.p, value.n, MKT_JSON_RFC8259, 0);
  mkt_lua_need_stack(L, LEVEL_SLOTS);
  (void)push_value(L, &b, mkt_json_next(&b.json));
}

static int decode_json(lua_State *L) {
  size_t n;
  builder b;
  luaL_checktype(L, 1, LUA_TSTRING);
  luaL_checktype(L, 2, LUA_TTABLE);
  const char *text = lua_tolstring(L, 1, &n);
  begin(&b, text, n, MKT_JSON_ANY_BYTES, 2);
  bool is_read =
      push_value(L, &b, mkt_json_next(&b.json)) && mkt_json_next(&b.json) == MKT_JSON_END;
  if (is_read && !b.has_infinite_number) return 1;
  lua_pushnil(L);
  lua_pushstring(L, is_read ? "a number is too large" : b.json.problem);
  return 2;
}

/* Of the member whose name is on top of the stack, and its object below that. */
static void remove_member(lua_State *L) {
  lua_pushvalue(L, -1);
  lua_pushnil(L);
  lua_rawset(L, -4);
}

static bool is_null(lua_State *L, int index) {
  return lua_islightuserdata(L, index) && lua_touserdata(L, index) == NULL;
}

/* From the table on top of the stack and from those within it. */
static void remove_null_members(lua_State *L, int levels) {
  if (levels == 0) luaL_error(L, "more than %d levels are nested", MKT_JSON_MAX_DEPTH);
  mkt_lua_need_stack(L, LEVEL_SLOTS);
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    const bool goes = is_null(L, -1) && lua_type(L, -2) == LUA_TSTRING;
    if (lua_istable(L, -1)) remove_null_members(L, levels - 1);
    lua_pop(L, 1);
    if (goes) remove_member(L);
  }
}

static int without_null(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  remove_null_members(L, MKT_JSON_MAX_DEPTH);
  return 1;
}

void mkt_lua_add_json(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"decode_json", decode_json}, {"without_null", without_null}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
