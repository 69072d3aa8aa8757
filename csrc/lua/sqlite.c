/* sqlite.c: the module marketplace.sqlite, for marketplace.inbox.sqlite.
 *
 *   sqlite.open{path=, create=, holders=} -> database | nil, message, code: in WAL mode; `holders`
 *     is a file whose mode a new database gets
 *   database:limit(seconds): the deadline, from now, of all that follows
 *   database:prepare(sql) -> a number for the statement, good until the database is closed
 *   database:run(statement, values, common) -> list of rows: a parameter :name is values.name or,
 *     if that is nil, common.name, or NULL; a row has what is not NULL, by the column's name
 *   database:each(statement, items, common) -> list: run once for each item; of each, the first
 *     row or false or, of a statement without columns, whether it changed a row
 *   database:begin() -> true: a transaction that writes
 *   database:commit() -> true: if it fails, nothing of the transaction is left
 *   database:rollback(): nothing if there is no transaction
 *   database:close(), also by the garbage collector
 * All but limit, rollback and close fail with nil, message, code.
 */
#include "sqlite/database.h"

#include "lua/class.h"
#include "lua/compat.h"
#include "lua/pin.h"
#include "lua/push.h"
#include "lua/sqlite_holder.h"
#include "lua/sqlite_values.h"
#include "sqlite/failure.h"
#include "sqlite/statement.h"

#include <limits.h>
#include <string.h>

static const char metatable_name[] = "marketplace.sqlite";

static mkt_sqlite *check_database(lua_State *L) {
  return luaL_checkudata(L, 1, metatable_name);
}

static int push_outcome(lua_State *L, mkt_code code, const mkt_error *error) {
  if (code != MKT_OK) return mkt_lua_push_error(L, error);
  lua_pushboolean(L, 1);
  return 1;
}

static int sqlite_close(lua_State *L) {
  mkt_sqlite_close(check_database(L));
  return 0;
}

static int sqlite_limit(lua_State *L) {
  mkt_sqlite *database = check_database(L);
  lua_Number seconds = luaL_checknumber(L, 2);
  luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, 2, "it is out of range");
  mkt_sqlite_limit(database, seconds);
  return 0;
}

static int sqlite_begin(lua_State *L) {
  mkt_error error;
  mkt_code code = mkt_sqlite_begin(check_database(L), &error);
  return push_outcome(L, code, &error);
}

static int sqlite_commit(lua_State *L) {
  mkt_error error;
  mkt_code code = mkt_sqlite_commit(check_database(L), &error);
  return push_outcome(L, code, &error);
}

static int sqlite_rollback(lua_State *L) {
  mkt_sqlite_rollback(check_database(L));
  return 0;
}

static int sqlite_prepare(lua_State *L) {
  mkt_sqlite *database = check_database(L);
  size_t n;
  const char *sql = luaL_checklstring(L, 2, &n);
  int number;
  mkt_error error;
  mkt_code code = mkt_sqlite_prepare(database, sql, n, &number, &error);
  if (code != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushinteger(L, number);
  return 1;
}

static void check_optional_table(lua_State *L, int index) {
  if (!lua_isnoneornil(L, index)) luaL_checktype(L, index, LUA_TTABLE);
}

/* Starts the statement whose number is the second argument. */
static mkt_code start(lua_State *L, mkt_sqlite *database, mkt_error *error) {
  lua_Number number = luaL_checknumber(L, 2);
  sqlite3_stmt *statement = NULL;
  mkt_code code = mkt_sqlite_check(database, "use", error);
  if (code != MKT_OK) return code;
  if (number >= 1 && number <= MKT_SQLITE_MOST_STATEMENTS) {
    statement = mkt_sqlite_statement(database, (int)number);
  }
  luaL_argcheck(L, statement != NULL, 2, "there is no such statement");
  return mkt_sqlite_start(database, statement, error);
}

static mkt_code bind(lua_State *L, mkt_sqlite *database, const mkt_lua_sqlite_names *names,
                     int values, mkt_error *error) {
  int result = mkt_lua_bind_sqlite(L, database->active, names, values, 4);
  return result == SQLITE_OK ? MKT_OK
                             : mkt_sqlite_fail(database, result, "bind a value for", error);
}

/* Appends the rows to the list at an index. */
static mkt_code collect(lua_State *L, mkt_sqlite *database, const mkt_lua_sqlite_names *names,
                        int list, mkt_error *error) {
  for (int n = 1;; n++) {
    bool has_row;
    mkt_code code = mkt_sqlite_step(database, &has_row, error);
    if (code != MKT_OK || !has_row) return code;
    mkt_lua_push_sqlite_row(L, database->active, names);
    lua_rawseti(L, list, n);
  }
}

static int sqlite_run(lua_State *L) {
  mkt_sqlite *database = check_database(L);
  check_optional_table(L, 3);
  check_optional_table(L, 4);
  lua_settop(L, 4);
  mkt_error error;
  if (start(L, database, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_newtable(L);
  mkt_lua_sqlite_names names = mkt_lua_push_sqlite_names(L, database->active);
  mkt_code code = bind(L, database, &names, 3, &error);
  if (code == MKT_OK) code = collect(L, database, &names, 5, &error);
  if (code != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_settop(L, 5);
  return 1;
}

/* Pushes what one execution gave. */
static mkt_code push_first(lua_State *L, mkt_sqlite *database, const mkt_lua_sqlite_names *names,
                           mkt_error *error) {
  int changes = sqlite3_total_changes(database->db);
  bool has_row;
  mkt_code code = mkt_sqlite_step(database, &has_row, error);
  if (code != MKT_OK) return code;
  if (!has_row) {
    lua_pushboolean(L, names->columns == 0 && sqlite3_total_changes(database->db) != changes);
    return MKT_OK;
  }
  mkt_lua_push_sqlite_row(L, database->active, names);
  return mkt_sqlite_finish(database, error);
}

/* Executes what is active for each of the items, each with the statement's values on the stack. */
static mkt_code run_each(lua_State *L, mkt_sqlite *database, mkt_error *error) {
  sqlite3_stmt *statement = database->active;
  mkt_lua_sqlite_names names = mkt_lua_push_sqlite_names(L, statement);
  int top = lua_gettop(L);
  int count = (int)lua_rawlen(L, 3);
  for (int i = 1; i <= count; i++) {
    mkt_code code = mkt_sqlite_start(database, statement, error);
    if (code != MKT_OK) return code;
    lua_rawgeti(L, 3, i);
    if (!lua_istable(L, -1)) luaL_error(L, "item %d must be a table", i);
    code = bind(L, database, &names, top + 1, error);
    if (code == MKT_OK) code = push_first(L, database, &names, error);
    if (code != MKT_OK) return code;
    lua_rawseti(L, 5, i);
    lua_settop(L, top);
  }
  return MKT_OK;
}

static int sqlite_each(lua_State *L) {
  mkt_sqlite *database = check_database(L);
  luaL_checktype(L, 3, LUA_TTABLE);
  check_optional_table(L, 4);
  lua_settop(L, 4);
  mkt_error error;
  if (start(L, database, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_createtable(L, (int)lua_rawlen(L, 3), 0);
  mkt_code code = run_each(L, database, &error);
  if (code != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_settop(L, 5);
  return 1;
}

/* Pushes a text option, NULL if it is absent. It stays on the stack, which keeps it alive. */
static const char *text_option(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  if (lua_isnil(L, -1)) return NULL;
  if (lua_type(L, -1) != LUA_TSTRING) {
    luaL_error(L, "option '%s' must be a string, not a %s", name, luaL_typename(L, -1));
  }
  size_t n;
  const char *text = lua_tolstring(L, -1, &n);
  if (strlen(text) != n) luaL_error(L, "option '%s' has a NUL byte", name);
  return text;
}

static int sqlite_open(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  mkt_sqlite_options options = {.path = text_option(L, "path"),
                                .holders = text_option(L, "holders")};
  luaL_argcheck(L, options.path != NULL, 1, "option 'path' is missing");
  lua_getfield(L, 1, "create");
  options.create = lua_toboolean(L, -1);
  mkt_sqlite *database = lua_newuserdata(L, sizeof *database);
  *database = (mkt_sqlite){0};
  luaL_getmetatable(L, metatable_name);
  lua_setmetatable(L, -2);
  mkt_error error;
  if (mkt_sqlite_open(database, &options, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  return 1;
}

static void make_metatable(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"limit", sqlite_limit},       {"prepare", sqlite_prepare}, {"run", sqlite_run},
      {"each", sqlite_each},         {"begin", sqlite_begin},     {"commit", sqlite_commit},
      {"rollback", sqlite_rollback}, {"close", sqlite_close},     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", sqlite_close}, {"__close", sqlite_close}, {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
}

__attribute__((visibility("default"))) int luaopen_marketplace_sqlite(lua_State *L);

int luaopen_marketplace_sqlite(lua_State *L) {
  static const luaL_Reg functions[] = {{"open", sqlite_open}, {NULL, NULL}};
  mkt_lua_pin();
  make_metatable(L);
  luaL_newlib(L, functions);
  mkt_lua_add_sqlite_holder(L);
  return 1;
}
