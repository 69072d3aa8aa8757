#include "lua/json_value.h"

#include "lua/push.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_TEXT_BYTES = 512, LEVEL_SLOTS = 3 };

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

static void push_number(lua_State *L, mkt_json_text text) {
  if (strcspn(text.p, ".eE,]} \t\r\n") >= text.n) {
    errno = 0;
    long long integer = strtoll(text.p, NULL, 10);
    if (errno == 0) {
      mkt_lua_push_integer(L, integer);
      return;
    }
  }
  lua_pushnumber(L, number_value(text.p));
}

static void push_value(lua_State *L, mkt_json *json, mkt_json_token token);

static void push_array(lua_State *L, mkt_json *json) {
  lua_newtable(L);
  mkt_json_token token;
  for (int i = 1; (token = mkt_json_next(json)) != MKT_JSON_ARRAY_END; i++) {
    push_value(L, json, token);
    lua_rawseti(L, -2, i);
  }
}

static void push_object(lua_State *L, mkt_json *json) {
  lua_newtable(L);
  while (mkt_json_next(json) == MKT_JSON_NAME) {
    mkt_lua_push_text(L, json->text);
    push_value(L, json, mkt_json_next(json));
    lua_rawset(L, -3);
  }
}

static void push_value(lua_State *L, mkt_json *json, mkt_json_token token) {
  mkt_lua_need_stack(L, LEVEL_SLOTS);
  switch (token) {
  case MKT_JSON_OBJECT:
    push_object(L, json);
    break;
  case MKT_JSON_ARRAY:
    push_array(L, json);
    break;
  case MKT_JSON_STRING:
    mkt_lua_push_text(L, json->text);
    break;
  case MKT_JSON_NUMBER:
    push_number(L, json->text);
    break;
  case MKT_JSON_TRUE:
  case MKT_JSON_FALSE:
    lua_pushboolean(L, token == MKT_JSON_TRUE);
    break;
  default:
    lua_pushlightuserdata(L, NULL);
    break;
  }
}

void mkt_lua_push_json(lua_State *L, mkt_json_value value) {
  mkt_json json;
  mkt_json_init(&json, value.p, value.n, MKT_JSON_RFC8259);
  push_value(L, &json, mkt_json_next(&json));
}
