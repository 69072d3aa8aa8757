/* postgres_values.h: a statement's parameters out of Lua tables, and its rows as Lua tables. */
#ifndef MKT_LUA_POSTGRES_VALUES_H
#define MKT_LUA_POSTGRES_VALUES_H

#include "lua/compat.h"
#include "postgres/statement.h"
#include "postgres/wire.h"

/* The values of one execution. They borrow from Lua values on the stack, and from `numbers`. */
typedef struct mkt_lua_postgres_values {
  mkt_postgres_values values;
  char numbers[MKT_POSTGRES_MOST_PARAMETERS][MKT_POSTGRES_LONGEST_NUMBER];
} mkt_lua_postgres_values;

/* Where tables are on the stack: the names of a statement's parameters, in their order, and two
 * that may have their values, either of which may be no table. */
typedef struct mkt_lua_postgres_tables {
  int names, values, common;
} mkt_lua_postgres_tables;

/* Gives each parameter the member of its name of `values` or, if that has none, of `common`; NULL
 * if neither has it, or if what should not be a boolean is false. No metamethods. Pushes what the
 * values borrow. Raises for a value that its parameter's type cannot have. */
void mkt_lua_push_postgres_values(lua_State *L, const PGresult *statement,
                                  const mkt_lua_postgres_tables *tables,
                                  mkt_lua_postgres_values *values);

/* Pushes a table of the names of a statement's columns. */
void mkt_lua_push_postgres_columns(lua_State *L, const PGresult *statement);

/* Pushes a row, without what is NULL; `columns` is where that table is on the stack. */
void mkt_lua_push_postgres_row(lua_State *L, const PGresult *result, int row, int columns);

#endif
