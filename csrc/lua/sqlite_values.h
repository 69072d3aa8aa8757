/* sqlite_values.h: a statement's parameters out of Lua tables, and its rows as Lua tables. */
#ifndef MKT_LUA_SQLITE_VALUES_H
#define MKT_LUA_SQLITE_VALUES_H

#include "lua/compat.h"

#include <sqlite3.h>

/* The names of a statement's parameters, as Lua strings on the stack, and of its columns, in a
 * table there: made once for as many executions as there are. */
typedef struct mkt_lua_sqlite_names {
  int parameters, first_parameter; /* how many, and where on the stack */
  int columns, column_names;       /* how many, and where on the stack the table is */
  int preparations;                /* of the statement, when the columns were looked at */
} mkt_lua_sqlite_names;

/* Raises if a parameter has no name. */
mkt_lua_sqlite_names mkt_lua_push_sqlite_names(lua_State *L, sqlite3_stmt *statement);

/* Binds each parameter to the member of its name of the table at `values` or, if that has none, of
 * the one at `common`; NULL if neither has it. No metamethods; either may be no table, and then has
 * no members. Pushes the values: while they are on the stack, the statement borrows them. One of
 * SQLite's result codes; raises for a value that SQLite does not have. */
int mkt_lua_bind_sqlite(lua_State *L, sqlite3_stmt *statement, const mkt_lua_sqlite_names *names,
                        int values, int common);

/* Pushes the row that the statement stands at, without what is NULL. */
void mkt_lua_push_sqlite_row(lua_State *L, sqlite3_stmt *statement, mkt_lua_sqlite_names *names);

#endif
