/* es256.h: keys for tokens, in Lua.
 *
 *   core.private_key(pem) -> key | nil, message, "key_invalid"
 *   core.public_key(pem)  -> key | nil, message, "key_invalid"
 *   core.generate_key()   -> a new private key | nil, message, "crypto_failed"
 *   key:sign(text)        -> 64 bytes | nil, message, code; only with a private key
 *   key:verify(text, signature) -> true | nil, message, "signature_mismatch"
 *   key:private_pem()     -> PEM (PKCS#8) | nil, message, code; only of a private key
 *   key:public_pem()      -> PEM (SubjectPublicKeyInfo) | nil, message, code
 *   key:close(), also by the garbage collector
 *   core.base64url(bytes) -> text;  core.base64url_decode(text) -> bytes | nil if it is none
 */
#ifndef MKT_LUA_ES256_H
#define MKT_LUA_ES256_H

#include "lua/compat.h"

/* Adds the functions to the table at the top of the stack. */
void mkt_lua_add_es256(lua_State *L);

#endif
