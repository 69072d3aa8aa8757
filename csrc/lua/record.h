/* record.h: what an inbox keeps of a notification, as a Lua table:
 * {key=, digest=, type=, event=, app_id=, time=, body=}. `key` is the notification's id or, without
 * one, the digest: the body's SHA-256 in hex.
 */
#ifndef MKT_LUA_RECORD_H
#define MKT_LUA_RECORD_H

#include "core/notification.h"
#include "lua/compat.h"

/* Pushes the record of a notification whose body is the string at `body`, an absolute index. It has
 * key and body; the rest is filled in when something else of it is read first, as a notification
 * that is known already needs no more. Reading raises where OpenSSL fails or memory ends, and then
 * the record is as before. MKT_ERR_CRYPTO_FAILED, with nothing pushed. */
mkt_code mkt_lua_push_record(lua_State *L, int body, const mkt_notification *notification,
                             mkt_error *error);

/* Adds to the module table on top of the stack:
 *
 *   envelope(body) -> record | nil, message, code, {offset=}
 *   sha256(body)   -> 64 hex digits | nil, message, code
 */
void mkt_lua_add_record(lua_State *L);

#endif
