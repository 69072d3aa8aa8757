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
 *   database:has_its_files() -> true if the files at its path are those that it has open, or else
 *     false and what has become of them
 *   database:begin() -> true: a transaction that writes
 *   database:commit() -> true: if it fails, nothing of the transaction is left
 *   database:rollback(): nothing if there is no transaction
 *   database:quick_check() -> true: reads all of it, however long that takes
 *   database:copy_to(other, before) -> true: the other one becomes a copy; before(), if it is
 *     given, is called once nobody else can write to that one, and returns true, or nil, message if
 *     nothing is to be copied
 *   database:close(), also by the garbage collector
 * All but limit, rollback and close fail with nil, message, code.
 */
#include "sqlite/database.h"

#include "lua/class.h"
#include "lua/compat.h"
#include "lua/database_call.h"
#include "lua/pin.h"
#include "lua/push.h"
#include "lua/sqlite_holder.h"
#include "lua/sqlite_values.h"
#include "sqlite/failure.h"
#include "sqlite/opened.h"
#include "sqlite/statement.h"
#include "sqlite/transaction.h"
#include "sqlite/whole.h"

#include <string.h>

static const char metatable_name[] = "marketplace.sqlite";

typedef struct connection {
  mkt_sqlite database;
  mkt_lua_use use;
} connection;

static connection *check_connection(lua_State *L) {
  return luaL_checkudata(L, 1, metatable_name);
}

static mkt_code check_idle(const connection *c, mkt_error *error) {
  return mkt_lua_check_idle(&c->use, "database", error);
}

static int sqlite_close(lua_State *L) {
  connection *c = check_connection(L);
  c->use.must_close = true;
  if (!c->use.is_busy) mkt_sqlite_close(&c->database);
  return 0;
}

static int sqlite_limit(lua_State *L) {
  connection *c = check_connection(L);
  lua_Number seconds = luaL_checknumber(L, 2);
  luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, 2, "it is out of range");
  bool has_entered = mkt_sqlite_enter(&c->database);
  mkt_sqlite_limit(&c->database, seconds);
  mkt_sqlite_leave(&c->database, has_entered);
  return 0;
}

static int call_idle(lua_State *L, mkt_code (*function)(mkt_sqlite *database, mkt_error *error)) {
  connection *c = check_connection(L);
  mkt_error error;
  bool has_entered = mkt_sqlite_enter(&c->database);
  mkt_code code = check_idle(c, &error);
  if (code == MKT_OK) code = function(&c->database, &error);
  mkt_sqlite_leave(&c->database, has_entered);
  return mkt_lua_push_outcome(L, code, &error);
}

static int sqlite_has_its_files(lua_State *L) {
  mkt_sqlite *database = &check_connection(L)->database;
  mkt_error error;
  bool has_entered = mkt_sqlite_enter(database);
  mkt_code code = mkt_sqlite_check_owner(database, &error);
  if (code == MKT_OK) {
    code = mkt_sqlite_identity_check(&database->identity, database->name, &error);
  }
  mkt_sqlite_leave(database, has_entered);
  lua_pushboolean(L, code == MKT_OK);
  if (code == MKT_OK) return 1;
  lua_pushstring(L, error.message);
  return 2;
}

static int sqlite_begin(lua_State *L) {
  return call_idle(L, mkt_sqlite_begin);
}

static int sqlite_commit(lua_State *L) {
  return call_idle(L, mkt_sqlite_commit);
}

static int sqlite_quick_check(lua_State *L) {
  return call_idle(L, mkt_sqlite_quick_check);
}

static int sqlite_rollback(lua_State *L) {
  connection *c = check_connection(L);
  bool has_entered = mkt_sqlite_enter(&c->database);
  if (!c->use.is_busy) mkt_sqlite_rollback(&c->database);
  mkt_sqlite_leave(&c->database, has_entered);
  return 0;
}

/* Calls the third argument of copy_to. */
static mkt_code run_before_copy(void *state, mkt_error *error) {
  lua_State *L = state;
  lua_pushvalue(L, 3);
  bool failed = lua_pcall(L, 0, 2, 0) != 0;
  if (!failed && lua_toboolean(L, -2)) return MKT_OK;
  bool has_message = lua_type(L, -1) == LUA_TSTRING;
  return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "%s",
                  has_message ? lua_tostring(L, -1) : "failed");
}

static mkt_code copy_to(lua_State *L, connection *c, connection *other, mkt_error *error) {
  mkt_sqlite_before_copy before = {.context = L};
  if (!lua_isnoneornil(L, 3)) before.run = run_before_copy;
  c->use.is_busy = other->use.is_busy = true;
  mkt_code code = mkt_sqlite_copy(&c->database, &other->database, &before, error);
  c->use.is_busy = other->use.is_busy = false;
  if (c->use.must_close) mkt_sqlite_close(&c->database);
  if (other->use.must_close) mkt_sqlite_close(&other->database);
  return code;
}

static int sqlite_copy_to(lua_State *L) {
  connection *c = check_connection(L), *other = luaL_checkudata(L, 2, metatable_name);
  luaL_argcheck(L, c != other, 2, "another database is expected");
  if (!lua_isnoneornil(L, 3)) luaL_checktype(L, 3, LUA_TFUNCTION);
  mkt_error error;
  bool has_entered = mkt_sqlite_enter(&c->database);
  bool has_entered_other = mkt_sqlite_enter(&other->database);
  mkt_code code = check_idle(c, &error);
  if (code == MKT_OK) code = check_idle(other, &error);
  if (code == MKT_OK) code = copy_to(L, c, other, &error);
  mkt_sqlite_leave(&other->database, has_entered_other);
  mkt_sqlite_leave(&c->database, has_entered);
  return mkt_lua_push_outcome(L, code, &error);
}

static int sqlite_prepare(lua_State *L) {
  connection *c = check_connection(L);
  size_t n;
  const char *sql = luaL_checklstring(L, 2, &n);
  int number;
  mkt_error error;
  bool has_entered = mkt_sqlite_enter(&c->database);
  mkt_code code = check_idle(c, &error);
  if (code == MKT_OK) code = mkt_sqlite_prepare(&c->database, sql, n, &number, &error);
  mkt_sqlite_leave(&c->database, has_entered);
  if (code != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushinteger(L, number);
  return 1;
}

/* Where the arguments of `run` and `each` are, and what they make. */
enum { VALUES = 3, COMMON = 4, RESULT = 5 };

static mkt_code bind(lua_State *L, mkt_sqlite *database, const mkt_lua_sqlite_names *names,
                     int values, mkt_error *error) {
  int result = mkt_lua_bind_sqlite(L, database->active, names, values, COMMON);
  if (result == SQLITE_OK) return MKT_OK;
  return mkt_sqlite_fail(database, result, "bind a value for", error);
}

static mkt_code push_rows(lua_State *L, mkt_sqlite *database, mkt_error *error) {
  mkt_lua_sqlite_names names = mkt_lua_push_sqlite_names(L, database->active);
  mkt_code code = bind(L, database, &names, VALUES, error);
  for (int n = 1; code == MKT_OK; n++) {
    bool has_row;
    code = mkt_sqlite_step(database, &has_row, error);
    if (code != MKT_OK || !has_row) return code;
    mkt_lua_push_sqlite_row(L, database->active, &names);
    lua_rawseti(L, RESULT, n);
  }
  return code;
}

/* Pushes what one execution gives. */
static mkt_code push_first(lua_State *L, mkt_sqlite *database, mkt_lua_sqlite_names *names,
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

static mkt_code push_each(lua_State *L, mkt_sqlite *database, mkt_error *error) {
  sqlite3_stmt *statement = database->active;
  mkt_lua_sqlite_names names = mkt_lua_push_sqlite_names(L, statement);
  int top = lua_gettop(L);
  int count = (int)lua_rawlen(L, VALUES);
  for (int i = 1; i <= count; i++) {
    mkt_code code = mkt_sqlite_start(database, statement, error);
    if (code != MKT_OK) return code;
    lua_rawgeti(L, VALUES, i);
    if (!lua_istable(L, -1)) luaL_error(L, "item %d must be a table", i);
    code = bind(L, database, &names, top + 1, error);
    if (code == MKT_OK) code = push_first(L, database, &names, error);
    if (code != MKT_OK) return code;
    lua_rawseti(L, RESULT, i);
    lua_settop(L, top);
  }
  return MKT_OK;
}

typedef mkt_code (*execution)(lua_State *L, mkt_sqlite *database, mkt_error *error);

static int execute(lua_State *L, execution push_result) {
  connection *c = check_connection(L);
  lua_newtable(L);
  mkt_error error;
  if (push_result(L, &c->database, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_settop(L, RESULT);
  return 1;
}

static int execute_run(lua_State *L) {
  return execute(L, push_rows);
}

static int execute_each(lua_State *L) {
  return execute(L, push_each);
}

static mkt_code start(lua_State *L, connection *c, mkt_error *error) {
  lua_Number number = luaL_checknumber(L, 2);
  mkt_code code = check_idle(c, error);
  if (code == MKT_OK) code = mkt_sqlite_check_owner(&c->database, error);
  if (code != MKT_OK) return code;
  bool is_in_range = number >= 1 && number <= MKT_SQLITE_MOST_STATEMENTS;
  sqlite3_stmt *statement = is_in_range ? mkt_sqlite_statement(&c->database, (int)number) : NULL;
  luaL_argcheck(L, statement != NULL, 2, "there is no such statement");
  return mkt_sqlite_start(&c->database, statement, error);
}

static int run_started(lua_State *L, connection *c) {
  int status = mkt_lua_call_in_use(L, &c->use, COMMON);
  mkt_sqlite_settle(&c->database);
  if (c->use.must_close) mkt_sqlite_close(&c->database);
  return status;
}

/* Executes a statement in a protected call, so that it ends even if something is raised. */
static int call(lua_State *L, lua_CFunction function) {
  connection *c = check_connection(L);
  lua_settop(L, COMMON);
  mkt_lua_push_call(L, function, COMMON);
  mkt_error error;
  bool has_entered = mkt_sqlite_enter(&c->database);
  mkt_code code = start(L, c, &error);
  int status = code == MKT_OK ? run_started(L, c) : 0;
  mkt_sqlite_leave(&c->database, has_entered);
  if (code != MKT_OK) return mkt_lua_push_error(L, &error);
  return status == 0 ? lua_gettop(L) - COMMON : lua_error(L);
}

static int sqlite_run(lua_State *L) {
  mkt_lua_check_tables(L, VALUES, COMMON, true);
  return call(L, execute_run);
}

static int sqlite_each(lua_State *L) {
  mkt_lua_check_tables(L, VALUES, COMMON, false);
  return call(L, execute_each);
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
  connection *c = mkt_lua_new(L, metatable_name, sizeof *c);
  mkt_sqlite_options options = {.path = text_option(L, "path"),
                                .holders = text_option(L, "holders")};
  bool has_path = options.path != NULL && options.path[0] != '\0';
  luaL_argcheck(L, has_path, 1, "option 'path' is missing or empty");
  lua_getfield(L, 1, "create");
  options.create = lua_toboolean(L, -1);
  mkt_error error;
  if (mkt_sqlite_open(&c->database, &options, &error) != MKT_OK)
    return mkt_lua_push_error(L, &error);
  lua_pushvalue(L, 2);
  return 1;
}

static void make_metatable(lua_State *L) {
  static const luaL_Reg methods[] = {{"limit", sqlite_limit},
                                     {"prepare", sqlite_prepare},
                                     {"run", sqlite_run},
                                     {"each", sqlite_each},
                                     {"has_its_files", sqlite_has_its_files},
                                     {"begin", sqlite_begin},
                                     {"commit", sqlite_commit},
                                     {"rollback", sqlite_rollback},
                                     {"quick_check", sqlite_quick_check},
                                     {"copy_to", sqlite_copy_to},
                                     {"close", sqlite_close},
                                     {NULL, NULL}};
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
