#include "lua/postgres_values.h"

#include "lua/database_call.h"
#include "lua/push.h"

#include <limits.h>
#include <math.h>

enum { OTHER_SLOTS = 8 }; /* of Lua's stack, beside the values */

/* Pushes the value of the parameter whose name is on top, in place of that. */
static void push_value(lua_State *L, const mkt_lua_postgres_tables *tables) {
  int name = lua_gettop(L);
  mkt_lua_push_parameter(L, tables->values, tables->common, name);
  lua_replace(L, name);
}

static int64_t check_integer(lua_State *L, int size, int number) {
  if (mkt_lua_is_integer(L, -1)) return (int64_t)lua_tointeger(L, -1);
  lua_Number value = lua_tonumber(L, -1), end = ldexp(1, 8 * size - 1);
  bool is_in_range = value >= -end && value < end && floor(value) == value;
  if (!is_in_range) luaL_error(L, "the value of parameter %d must be an integer", number);
  return (int64_t)value;
}

/* The value on top, written as `type`. */
static void write_number(lua_State *L, char *out, unsigned type, int number) {
  int size = mkt_postgres_size(type);
  if (type == MKT_POSTGRES_BOOL || size == 0) {
    luaL_error(L, "the value of parameter %d cannot be a number", number);
  } else if (type == MKT_POSTGRES_FLOAT8) {
    mkt_postgres_write_double(out, lua_tonumber(L, -1));
  } else {
    int64_t value = check_integer(L, size, number);
    mkt_postgres_write_integer(out, value, size);
    if (mkt_postgres_read_integer(out, size) != value) {
      luaL_error(L, "the value of parameter %d is out of range", number);
    }
  }
}

static const char *check_text(lua_State *L, unsigned type, int number, int *n) {
  size_t length;
  const char *p = lua_tolstring(L, -1, &length);
  if (mkt_postgres_size(type) != 0) {
    luaL_error(L, "the value of parameter %d cannot be a string", number);
  }
  if (length > INT_MAX) luaL_error(L, "the value of parameter %d is too long", number);
  *n = (int)length;
  return p;
}

/* Elsewhere in this project, too, false stands for what is absent. */
static void write_boolean(lua_State *L, const char **p, char *out, unsigned type, int number) {
  out[0] = (char)lua_toboolean(L, -1);
  if (type == MKT_POSTGRES_BOOL) return;
  if (out[0]) luaL_error(L, "the value of parameter %d cannot be a boolean", number);
  *p = NULL;
}

/* Takes the value on top for parameter `i`, from 0. */
static void take(lua_State *L, mkt_lua_postgres_values *values, int i, unsigned type) {
  char *out = values->numbers[i];
  int *n = &values->values.n[i];
  values->values.p[i] = out;
  *n = mkt_postgres_size(type);
  switch (lua_type(L, -1)) {
  case LUA_TNIL:
    values->values.p[i] = NULL;
    break;
  case LUA_TBOOLEAN:
    write_boolean(L, &values->values.p[i], out, type, i + 1);
    break;
  case LUA_TNUMBER:
    write_number(L, out, type, i + 1);
    break;
  case LUA_TSTRING:
    values->values.p[i] = check_text(L, type, i + 1, n);
    break;
  default:
    luaL_error(L, "the value of parameter %d cannot be a %s", i + 1, luaL_typename(L, -1));
  }
}

void mkt_lua_push_postgres_values(lua_State *L, const PGresult *statement,
                                  const mkt_lua_postgres_tables *tables,
                                  mkt_lua_postgres_values *values) {
  int count = PQnparams(statement);
  mkt_lua_need_stack(L, count + OTHER_SLOTS);
  if ((int)lua_rawlen(L, tables->names) != count) {
    luaL_error(L, "the statement has %d parameters", count);
  }
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, tables->names, i + 1);
    push_value(L, tables);
    take(L, values, i, PQparamtype(statement, i));
  }
}

void mkt_lua_push_postgres_columns(lua_State *L, const PGresult *statement) {
  int count = PQnfields(statement);
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    lua_pushstring(L, PQfname(statement, i));
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_column(lua_State *L, const PGresult *result, int row, int column) {
  const char *p = PQgetvalue(result, row, column);
  int n = PQgetlength(result, row, column);
  unsigned type = PQftype(result, column);
  if (n == 0 || n != mkt_postgres_size(type)) {
    lua_pushlstring(L, p, (size_t)n);
  } else if (type == MKT_POSTGRES_BOOL) {
    lua_pushboolean(L, p[0]);
  } else if (type == MKT_POSTGRES_FLOAT8) {
    lua_pushnumber(L, mkt_postgres_read_double(p));
  } else {
    mkt_lua_push_integer(L, mkt_postgres_read_integer(p, n));
  }
}

void mkt_lua_push_postgres_row(lua_State *L, const PGresult *result, int row, int columns) {
  int count = PQnfields(result);
  lua_createtable(L, 0, count);
  for (int i = 0; i < count; i++) {
    if (PQgetisnull(result, row, i)) continue;
    lua_rawgeti(L, columns, i + 1);
    push_column(L, result, row, i);
    lua_rawset(L, -3);
  }
}
