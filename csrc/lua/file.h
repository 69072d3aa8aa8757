/* file.h: files, in Lua.
 *
 *   core.read_file(path[, most]) -> all of its bytes | nil, message, "file_missing", "file_failed",
 *     "too_large" (more bytes than `most`, by default 16 MiB) or "out_of_memory"; the message
 *     begins with the path
 *   core.replace_file(path, bytes[, "new"]) -> true | nil, message, "file_failed" or "file_exists":
 *     whole or not at all, see core/file.h; "new": only if the path does not exist
 *   core.replace_locked(path, bytes) -> lock | nil, message, "file_failed":
 *     a new file, 0644, with a lock on it
 *   core.put_in_place(from, to[, keep]) -> true | nil, message, "file_failed": see core/file.h
 *   core.remove_leftovers(path) -> true | nil, message, "file_failed":
 *     what killed calls of replace_file for that path left beside it
 *   core.lock_file(path) -> lock | nil, message, "locked" or "file_failed"
 *   lock:close(), also by the garbage collector
 *   core.is_locked(path) -> boolean | nil, message, "file_failed": whether any process has a lock
 *     on it, also one of replace_locked
 *   core.real_path(path) -> the absolute path without symbolic links, nil if there is no file
 *   core.stat(path) -> {type="file"|"folder"|"other", mode=permission bits, uid=, gid=, size=,
 *     allocated=bytes of the disk, changed_at=seconds since the epoch, device=, id=} | nil,
 *     message, "file_failed"; of what a symbolic link names. `id` is that of file_id.
 *   core.file_id(path) -> what tells whether a path still leads to the same file, nil if there
 *     is none
 *   core.user_id() -> the process's effective user id
 *   core.is_terminal("stdin"|"stdout"|"stderr") -> boolean
 *   core.hold_standard_streams(): if a standard stream is closed, its descriptor is taken, so
 *     that no file that is opened later becomes it
 */
#ifndef MKT_LUA_FILE_H
#define MKT_LUA_FILE_H

#include "lua/compat.h"

/* Adds these functions to the table at the top of the stack. */
void mkt_lua_add_file(lua_State *L);

#endif
