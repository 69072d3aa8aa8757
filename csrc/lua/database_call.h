/* database_call.h: what the bindings to databases share: calls during which nobody may change the
 * connection, and parameters by name.
 *
 * What a call makes in Lua may run finalizers, and they may call, or close, the same connection.
 */
#ifndef MKT_LUA_DATABASE_CALL_H
#define MKT_LUA_DATABASE_CALL_H

#include "core/error.h"
#include "lua/compat.h"

/* Zero it before use. */
typedef struct mkt_lua_use {
  bool is_busy;    /* a call is under way */
  bool must_close; /* when it has ended */
} mkt_lua_use;

/* MKT_ERR_INBOX_UNAVAILABLE if a call is under way; `what` is for the message. */
mkt_code mkt_lua_check_idle(const mkt_lua_use *use, const char *what, mkt_error *error);

/* Raises unless `values` and `common` are where tables are, or nothing is; `values` may be absent
 * only if it is optional. */
void mkt_lua_check_tables(lua_State *L, int values, int common, bool is_optional);

/* Pushes a function, and the values from the bottom of the stack to `count` for its arguments, for
 * mkt_lua_call_in_use: that can fail, and comes before anything is begun. */
void mkt_lua_push_call(lua_State *L, lua_CFunction function, int count);

/* Calls it in protected mode while the connection is in use; the status is lua_pcall's, and so is
 * what is on the stack in the arguments' place. */
int mkt_lua_call_in_use(lua_State *L, mkt_lua_use *use, int count);

/* Pushes the member of the table at `values` whose name is at `name`, or else that of the one at
 * `common`, or nil. Neither need be a table. No metamethods. */
void mkt_lua_push_parameter(lua_State *L, int values, int common, int name);

#endif
