/* es256.h: keys for tokens, in Lua.
 *
 *   core.private_key(pem) -> key | nil, message, "key_invalid"
 *   core.public_key(pem)  -> key | nil, message, "key_invalid"
 *   key:sign(text)        -> 64 bytes | nil, message, code; only with a private key
 *   key:verify(text, signature) -> true | nil, message, "signature_mismatch"
 *   key:close(), also by the garbage collector
 */
#ifndef MKT_LUA_ES256_H
#define MKT_LUA_ES256_H

#include "lua/compat.h"

/* Adds private_key, public_key and base64url to the table at the top of the stack. */
void mkt_lua_add_es256(lua_State *L);

#endif
