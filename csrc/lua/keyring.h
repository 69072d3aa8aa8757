/* keyring.h: marketplace.core.keyring, the secrets of a receiver as a Lua userdata. */
#ifndef MKT_LUA_KEYRING_H
#define MKT_LUA_KEYRING_H

#include "lua/compat.h"

/* Pushes the constructor, keyring(secret, ...): 1 to 8 secrets, each a string that is not empty.
 * Methods: verify(body, header) -> index | nil, message, code, detail; sign(body) -> header value |
 * nil, message, code; close(), after which the others raise. `#keyring` is how many secrets it has.
 */
void mkt_lua_push_keyring(lua_State *L);

#endif
