/* postgres.c: the module marketplace.postgres, for marketplace.inbox.postgres.
 *
 *   postgres.connect{parameters=, seconds=} -> connection | nil, message, code: to one server;
 *     `parameters` are libpq's words with their values
 *   connection:limit(seconds): the deadline, from now, of all that follows
 *   connection:prepare(sql) -> a number for the statement, good until the connection is closed
 *   connection:defer(statement) -> true: one without parameters goes to the server with what runs
 *     next, and if it fails, so does that
 *   connection:run(statement, names, values, common) -> list of rows: parameter $n is
 *     values[names[n]] or, if that is nil, common[names[n]], or NULL; a row has what is not NULL,
 *     by the column's name
 *   connection:each(statement, names, items, common) -> list: run once for each item, all in one
 *     exchange with the server; of each, the first row or false or, of a statement without columns,
 *     whether it changed a row
 *   connection:name() -> the server, for messages
 *   connection:process() -> the number of the server's process, as the server gave it when it was
 *     connected to
 *   connection:is_alive() -> boolean: whether the server still has the session, as far as it told.
 *     Does not wait
 *   connection:close(), also by the garbage collector
 * All but limit, is_alive and close fail with nil, message, code. If it is not known what the
 * server made of a statement, the connection is closed.
 */
#include "postgres/connection.h"

#include "lua/class.h"
#include "lua/compat.h"
#include "lua/database_call.h"
#include "lua/pin.h"
#include "lua/postgres_values.h"
#include "lua/push.h"
#include "postgres/statement.h"
#include "postgres/wait.h"

#include <string.h>

static const char metatable_name[] = "marketplace.postgres";

typedef struct connection {
  mkt_postgres postgres;
  mkt_lua_use use;
} connection;

static connection *check_connection(lua_State *L) {
  return luaL_checkudata(L, 1, metatable_name);
}

static mkt_code check_idle(const connection *c, mkt_error *error) {
  mkt_code code = mkt_lua_check_idle(&c->use, "connection", error);
  return code == MKT_OK ? mkt_postgres_check(&c->postgres, error) : code;
}

static int postgres_close(lua_State *L) {
  connection *c = check_connection(L);
  c->use.must_close = true;
  if (!c->use.is_busy) mkt_postgres_close(&c->postgres);
  return 0;
}

static bool is_in_range(lua_Number seconds) {
  return seconds >= 0 && seconds <= 1e9;
}

static int postgres_limit(lua_State *L) {
  connection *c = check_connection(L);
  lua_Number seconds = luaL_checknumber(L, 2);
  luaL_argcheck(L, is_in_range(seconds), 2, "it is out of range");
  mkt_postgres_limit(&c->postgres, seconds);
  return 0;
}

static int postgres_name(lua_State *L) {
  const connection *c = check_connection(L);
  const char *address = c->postgres.address;
  lua_pushfstring(L, "PostgreSQL%s%s", address[0] != '\0' ? " at " : "", address);
  return 1;
}

static int postgres_process(lua_State *L) {
  connection *c = check_connection(L);
  mkt_error error;
  if (check_idle(c, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushinteger(L, PQbackendPID(c->postgres.connection));
  return 1;
}

static int postgres_is_alive(lua_State *L) {
  const connection *c = check_connection(L);
  lua_pushboolean(L, !c->use.is_busy && mkt_postgres_is_alive(&c->postgres));
  return 1;
}

static int postgres_prepare(lua_State *L) {
  connection *c = check_connection(L);
  const char *sql = luaL_checkstring(L, 2);
  int number;
  mkt_error error;
  mkt_code code = check_idle(c, &error);
  if (code == MKT_OK) {
    code = mkt_postgres_prepare(&c->postgres, sql, &number, &error);
    mkt_postgres_settle(&c->postgres);
  }
  if (code != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushinteger(L, number);
  return 1;
}

/* Where the arguments of `run` and `each` are, what they make, and the columns' names. */
enum { STATEMENT = 2, NAMES, VALUES, COMMON, RESULT, COLUMNS, ITEM };

static mkt_code queue(lua_State *L, mkt_postgres *postgres, int number, int values,
                      mkt_error *error) {
  const mkt_lua_postgres_tables tables = {.names = NAMES, .values = values, .common = COMMON};
  mkt_lua_postgres_values taken = {.numbers = {{0}}};
  int top = lua_gettop(L);
  mkt_lua_push_postgres_values(L, mkt_postgres_statement(postgres, number), &tables, &taken);
  mkt_code code = mkt_postgres_queue(postgres, number, &taken.values, error);
  lua_settop(L, top);
  return code;
}

static mkt_code push_rows(lua_State *L, mkt_postgres *postgres, int number, mkt_error *error) {
  mkt_code code = queue(L, postgres, number, VALUES, error);
  if (code == MKT_OK) code = mkt_postgres_send(postgres, error);
  if (code == MKT_OK) code = mkt_postgres_read(postgres, error);
  if (code == MKT_OK) code = mkt_postgres_finish(postgres, error);
  if (code != MKT_OK) return code;
  int count = PQntuples(postgres->result);
  for (int i = 0; i < count; i++) {
    mkt_lua_push_postgres_row(L, postgres->result, i, COLUMNS);
    lua_rawseti(L, RESULT, i + 1);
  }
  return MKT_OK;
}

static mkt_code queue_all(lua_State *L, mkt_postgres *postgres, int number, int count,
                          mkt_error *error) {
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, VALUES, i);
    if (!lua_istable(L, -1)) luaL_error(L, "item %d must be a table", i);
    mkt_code code = queue(L, postgres, number, ITEM, error);
    if (code != MKT_OK) return code;
    lua_settop(L, COLUMNS);
  }
  return mkt_postgres_send(postgres, error);
}

/* Pushes what one execution gave. */
static void push_first(lua_State *L, PGresult *result) {
  if (PQntuples(result) > 0) {
    mkt_lua_push_postgres_row(L, result, 0, COLUMNS);
  } else {
    const char *changed = PQcmdTuples(result);
    lua_pushboolean(L, PQnfields(result) == 0 && changed[0] != '\0' && strcmp(changed, "0") != 0);
  }
}

static mkt_code push_each(lua_State *L, mkt_postgres *postgres, int number, mkt_error *error) {
  int count = (int)lua_rawlen(L, VALUES);
  mkt_code code = queue_all(L, postgres, number, count, error);
  for (int i = 1; i <= count && code == MKT_OK; i++) {
    code = mkt_postgres_read(postgres, error);
    if (code != MKT_OK) return code;
    push_first(L, postgres->result);
    lua_rawseti(L, RESULT, i);
  }
  return code == MKT_OK ? mkt_postgres_finish(postgres, error) : code;
}

static void check_statement(lua_State *L, const connection *c) {
  lua_Number number = luaL_checknumber(L, STATEMENT);
  bool is_there = number >= 1 && number <= MKT_POSTGRES_MOST_STATEMENTS &&
                  mkt_postgres_statement(&c->postgres, (int)number) != NULL;
  luaL_argcheck(L, is_there, STATEMENT, "there is no such statement");
}

static int postgres_defer(lua_State *L) {
  connection *c = check_connection(L);
  mkt_error error;
  mkt_code code = check_idle(c, &error);
  if (code != MKT_OK) return mkt_lua_push_error(L, &error);
  check_statement(L, c);
  int number = (int)lua_tonumber(L, STATEMENT);
  code = mkt_postgres_defer(&c->postgres, number, &error);
  mkt_postgres_settle(&c->postgres);
  return mkt_lua_push_outcome(L, code, &error);
}

typedef mkt_code (*execution)(lua_State *L, mkt_postgres *postgres, int number, mkt_error *error);

static int execute(lua_State *L, execution push_result) {
  connection *c = check_connection(L);
  int number = (int)lua_tonumber(L, STATEMENT);
  lua_newtable(L);
  mkt_lua_push_postgres_columns(L, mkt_postgres_statement(&c->postgres, number));
  mkt_error error;
  if (push_result(L, &c->postgres, number, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_settop(L, RESULT);
  return 1;
}

static int execute_run(lua_State *L) {
  return execute(L, push_rows);
}

static int execute_each(lua_State *L) {
  return execute(L, push_each);
}

/* Executes a statement in a protected call, so that its results are freed if something is raised.
 * If that is in the middle of the exchange, the connection cannot be used any more. */
static int call(lua_State *L, lua_CFunction function) {
  connection *c = check_connection(L);
  luaL_checktype(L, NAMES, LUA_TTABLE);
  lua_settop(L, COMMON);
  mkt_lua_push_call(L, function, COMMON);
  mkt_error error;
  if (check_idle(c, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  check_statement(L, c);
  int status = mkt_lua_call_in_use(L, &c->use, COMMON);
  mkt_postgres_settle(&c->postgres);
  if (c->use.must_close) mkt_postgres_close(&c->postgres);
  return status == 0 ? lua_gettop(L) - COMMON : lua_error(L);
}

static int postgres_run(lua_State *L) {
  mkt_lua_check_tables(L, VALUES, COMMON, true);
  return call(L, execute_run);
}

static int postgres_each(lua_State *L) {
  mkt_lua_check_tables(L, VALUES, COMMON, false);
  return call(L, execute_each);
}

enum { MOST_WORDS = 64, OTHER_SLOTS = 8 };

typedef struct parameters {
  const char *words[MOST_WORDS + 1], *values[MOST_WORDS + 1];
} parameters;

static const char *check_word(lua_State *L, int at) {
  if (lua_type(L, at) != LUA_TSTRING) luaL_error(L, "'parameters' must have strings");
  size_t n;
  const char *text = lua_tolstring(L, at, &n);
  if (strlen(text) != n) luaL_error(L, "'parameters' must have no NUL byte");
  return text;
}

static double check_seconds_option(lua_State *L) {
  lua_getfield(L, 1, "seconds");
  lua_Number seconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
  luaL_argcheck(L, is_in_range(seconds), 1, "option 'seconds' must be a number from 0 to 1e9");
  return seconds;
}

/* The words and values stay on the stack, which keeps them alive whatever becomes of the table. */
static parameters read_parameters(lua_State *L) {
  parameters given = {{NULL}, {NULL}};
  lua_getfield(L, 1, "parameters");
  int table = lua_gettop(L);
  luaL_argcheck(L, lua_istable(L, table), 1, "option 'parameters' must be a table");
  mkt_lua_need_stack(L, 2 * MOST_WORDS + OTHER_SLOTS);
  int n = 0;
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pushvalue(L, -2)) {
    if (n == MOST_WORDS) luaL_error(L, "'parameters' has too many");
    given.words[n] = check_word(L, -2);
    given.values[n++] = check_word(L, -1);
  }
  return given;
}

static int postgres_connect(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  connection *c = mkt_lua_new(L, metatable_name, sizeof *c);
  double seconds = check_seconds_option(L);
  const parameters given = read_parameters(L);
  mkt_error error;
  mkt_code code = mkt_postgres_open(&c->postgres, given.words, given.values, seconds, &error);
  if (code != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushvalue(L, 2);
  return 1;
}

static void make_metatable(lua_State *L) {
  static const luaL_Reg methods[] = {{"limit", postgres_limit}, {"prepare", postgres_prepare},
                                     {"defer", postgres_defer}, {"run", postgres_run},
                                     {"each", postgres_each},   {"process", postgres_process},
                                     {"close", postgres_close}, {"is_alive", postgres_is_alive},
                                     {"name", postgres_name},   {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", postgres_close}, {"__close", postgres_close}, {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
}

__attribute__((visibility("default"))) int luaopen_marketplace_postgres(lua_State *L);

int luaopen_marketplace_postgres(lua_State *L) {
  static const luaL_Reg functions[] = {{"connect", postgres_connect}, {NULL, NULL}};
  mkt_lua_pin();
  make_metatable(L);
  luaL_newlib(L, functions);
  return 1;
}
