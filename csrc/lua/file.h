/* file.h: files, in Lua.
 *
 *   core.replace_file(path, bytes[, "new"]) -> true | nil, message, "file_failed" or "file_exists":
 *     whole or not at all, see core/file.h; "new": only where the path does not exist
 *   core.lock_file(path) -> lock | nil, message, "locked" or "file_failed"
 *   lock:close(), also by the garbage collector
 *   core.stat(path) -> {type="file"|"folder"|"other", mode=permission bits, uid=, gid=, size=, id=}
 *     | nil, message, "file_failed"; of what a symbolic link names. `id` is that of file_id.
 *   core.file_id(path) -> what tells whether a path still leads to the same file, nil where there
 * is none core.user_id() -> the process's effective user id
 *   core.is_terminal("stdin"|"stdout"|"stderr") -> boolean
 */
#ifndef MKT_LUA_FILE_H
#define MKT_LUA_FILE_H

#include "lua/compat.h"

/* Adds these functions to the table at the top of the stack. */
void mkt_lua_add_file(lua_State *L);

#endif
