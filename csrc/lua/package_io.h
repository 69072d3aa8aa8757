/* package_io.h: the module marketplace.package_io, for lua/marketplace/packages.
 *
 * An asset is described by {path=, size=, chunk_size=?, digests={64 hex digits, …}?, sha256=?,
 * md5=?}: the bytes that it has; SHA-256 of each of its chunks, which have chunk_size bytes but for
 * the last one, and which are compared; and whether SHA-256 and MD5 of all of it are wanted. A
 * result is {size=, chunks= how many were compared, sha256= hex?, md5= hex?}.
 *
 *   sink(asset) -> sink | nil, message, "disk_full", "file_failed", "out_of_memory",
 *     "crypto_failed": opens the file, and has room for it kept on the disk. With `resume` it goes
 *     on with what is there, up to the first chunk that is not what it should be; without digests
 *     with all that is there. Otherwise the file begins anew. It takes the body of an exchange, see
 *     core/http_sink.h: {sink = sink} in a request; one exchange at a time, one after another.
 *   sink:ready() -> boolean: whether what follows would not wait, for what is there to be checked,
 *     or for the end to be hashed and synced
 *   sink:offset() -> where the next bytes belong | nil, message, code: why it has failed, which
 *     lasts until it is restarted or opened anew
 *   sink:written() -> bytes taken so far, with what was there; does not wait
 *   sink:restart() -> true | nil, message, code: back to the beginning. Raises while an exchange
 *     uses the sink.
 *   sink:finish() -> result | nil, message, "asset_size" if bytes are missing, which may still
 *     come; "asset_corrupt", "asset_size", "disk_full", "file_failed", "crypto_failed" if it has
 *     failed. What it returns is on the disk.
 *   sink:close(), also by the garbage collector: keeps the file. An exchange that uses it fails.
 *
 *   check(asset) -> check | nil, message, "file_missing", "file_failed", "asset_size",
 *     "out_of_memory", "crypto_failed"
 *   check:step(bytes) -> whether all has been read | nil, message, code: hashes at most so many
 *     bytes more
 *   check:result() -> result | nil, message, "crypto_failed"; closes it
 *   check:close(), also by the garbage collector
 *
 *   read_archive{path= | bytes=, names={…}, max_size=} -> {[name]=bytes} | nil, message,
 *     "archive_invalid", "file_missing", "file_failed", "out_of_memory": a zip archive that has
 *     exactly these entries, each a file of at most max_size bytes (default 16 MiB), neither
 *     encrypted nor a link
 *
 *   link(from, to), rename(from, to), make_folders(path, mode), remove_tree(path), sync(path)
 *     -> true | nil, message, "file_exists", "file_missing", "disk_full", "file_failed"
 *   list(path) -> {{name=, type="file"|"folder"|"link"|"other", size=}, …} in no order
 *     | nil, message, code
 *   disk_free(path) -> bytes | nil, message, code
 *     All of these as packages/folder.h has them.
 */
#ifndef MKT_LUA_PACKAGE_IO_H
#define MKT_LUA_PACKAGE_IO_H

#include "lua/compat.h"
#include "packages/digests.h"

/* Each adds its functions to the module on top of the stack. */
void mkt_lua_add_package_sink(lua_State *L);
void mkt_lua_add_package_check(lua_State *L);
void mkt_lua_add_package_archive(lua_State *L);
void mkt_lua_add_package_folder(lua_State *L);

/* Of the asset that is the table at 1; `path` and what `wanted` points to stay on the stack. */
void mkt_lua_read_asset(lua_State *L, const char **path, mkt_package_wanted *wanted);

/* Pushes a result. Returns 1. */
int mkt_lua_push_found(lua_State *L, const mkt_package_found *found);

#endif
