/* sqlite_holder.h: who has leases in an inbox in a SQLite file, see sqlite/holder.h.
 *
 *   sqlite.holder(path) -> holder | nil, message, "file_failed", "locked", "locks_unsupported"
 *   holder:number() -> its number | nil if it is closed, or belongs to another process
 *   holder:close(), also by the garbage collector
 *   sqlite.is_held(path, number) -> boolean
 *     | nil, message, "file_missing", "file_failed", "locks_unsupported"
 *   sqlite.make_holders(path) -> true | nil, message, "file_failed"
 */
#ifndef MKT_LUA_SQLITE_HOLDER_H
#define MKT_LUA_SQLITE_HOLDER_H

#include "lua/compat.h"

/* Adds them to the module on top of the stack. */
void mkt_lua_add_sqlite_holder(lua_State *L);

#endif
