#include "lua/sqlite_values.h"

#include "lua/database_call.h"
#include "lua/push.h"

#include <math.h>
#include <stdbool.h>

enum { OTHER_SLOTS = 8 }; /* of Lua's stack, beside the names and the values */

/* Up to here, every whole number is exact as a double. */
static const lua_Number most_exact = 9007199254740992.0;

/* They change if SQLite prepares the statement anew because somebody changed the tables. */
static void read_columns(lua_State *L, sqlite3_stmt *statement, mkt_lua_sqlite_names *names) {
  names->preparations = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_REPREPARE, 0);
  names->columns = sqlite3_column_count(statement);
  lua_createtable(L, names->columns, 0);
  for (int i = 0; i < names->columns; i++) {
    const char *name = sqlite3_column_name(statement, i);
    if (name == NULL) luaL_error(L, "memory is short");
    lua_pushstring(L, name);
    lua_rawseti(L, -2, i + 1);
  }
  lua_replace(L, names->column_names);
}

mkt_lua_sqlite_names mkt_lua_push_sqlite_names(lua_State *L, sqlite3_stmt *statement) {
  mkt_lua_sqlite_names names = {.parameters = sqlite3_bind_parameter_count(statement),
                                .column_names = lua_gettop(L) + 1,
                                .first_parameter = lua_gettop(L) + 2};
  mkt_lua_need_stack(L, 2 * names.parameters + OTHER_SLOTS);
  lua_pushnil(L);
  read_columns(L, statement, &names);
  for (int i = 1; i <= names.parameters; i++) {
    const char *name = sqlite3_bind_parameter_name(statement, i);
    if (name == NULL) luaL_error(L, "parameter %d has no name", i);
    lua_pushstring(L, name + 1);
  }
  return names;
}

static int bind_number(sqlite3_stmt *statement, int number, lua_State *L) {
  if (mkt_lua_is_integer(L, -1)) {
    return sqlite3_bind_int64(statement, number, lua_tointeger(L, -1));
  }
  lua_Number value = lua_tonumber(L, -1);
  bool is_whole = fabs(value) <= most_exact && floor(value) == value;
  return is_whole ? sqlite3_bind_int64(statement, number, (sqlite3_int64)value)
                  : sqlite3_bind_double(statement, number, value);
}

static int bind_text(sqlite3_stmt *statement, int number, lua_State *L) {
  size_t n;
  const char *text = lua_tolstring(L, -1, &n);
  return sqlite3_bind_text64(statement, number, text, n, SQLITE_STATIC, SQLITE_UTF8);
}

/* The value on top of the stack. */
static int bind_value(lua_State *L, sqlite3_stmt *statement, int number) {
  switch (lua_type(L, -1)) {
  case LUA_TNIL:
    return sqlite3_bind_null(statement, number);
  case LUA_TBOOLEAN:
    return sqlite3_bind_int(statement, number, lua_toboolean(L, -1));
  case LUA_TNUMBER:
    return bind_number(statement, number, L);
  case LUA_TSTRING:
    return bind_text(statement, number, L);
  default:
    return luaL_error(L, "the value of '%s' cannot be a %s",
                      sqlite3_bind_parameter_name(statement, number), luaL_typename(L, -1));
  }
}

int mkt_lua_bind_sqlite(lua_State *L, sqlite3_stmt *statement, const mkt_lua_sqlite_names *names,
                        int values, int common) {
  int result = SQLITE_OK;
  for (int i = 0; i < names->parameters && result == SQLITE_OK; i++) {
    mkt_lua_push_parameter(L, values, common, names->first_parameter + i);
    result = bind_value(L, statement, i + 1);
  }
  return result;
}

static void push_column(lua_State *L, sqlite3_stmt *statement, int column, int type) {
  if (type == SQLITE_INTEGER) {
    mkt_lua_push_integer(L, sqlite3_column_int64(statement, column));
  } else if (type == SQLITE_FLOAT) {
    lua_pushnumber(L, sqlite3_column_double(statement, column));
  } else {
    /* the bytes as they are, of text and of blobs */
    const char *p = sqlite3_column_blob(statement, column);
    lua_pushlstring(L, p != NULL ? p : "", (size_t)sqlite3_column_bytes(statement, column));
  }
}

void mkt_lua_push_sqlite_row(lua_State *L, sqlite3_stmt *statement, mkt_lua_sqlite_names *names) {
  int preparations = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_REPREPARE, 0);
  if (preparations != names->preparations) read_columns(L, statement, names);
  lua_createtable(L, 0, names->columns);
  for (int i = 0; i < names->columns; i++) {
    int type = sqlite3_column_type(statement, i);
    if (type == SQLITE_NULL) continue;
    lua_rawgeti(L, names->column_names, i + 1);
    push_column(L, statement, i, type);
    lua_rawset(L, -3);
  }
}
