/* record.h: what an inbox keeps of a notification, as a Lua table:
 * {key=, digest=, type=, event=, app_id=, time=, body=}. `key` is the notification's id or, without
 * one, the digest: the body's SHA-256 in hex.
 */
#ifndef MKT_LUA_RECORD_H
#define MKT_LUA_RECORD_H

#include "core/notification.h"
#include "lua/compat.h"

/* Reads the body that is the string at `body`, an absolute index, and pushes its record. The
 * calling function has the names of notification_fields.h as its first upvalue. Fails as
 * mkt_notification_parse does or with MKT_ERR_CRYPTO_FAILED, with nothing pushed. */
mkt_code mkt_lua_push_record(lua_State *L, int body, mkt_error *error);

/* Adds to the module table on top of the stack:
 *
 *   envelope(body) -> record | nil, message, code, {offset=}
 *   sha256(body)   -> 64 hex digits | nil, message, code
 */
void mkt_lua_add_record(lua_State *L);

#endif
