/* keyring.h: marketplace.core.keyring, the secrets of a receiver as a Lua userdata. */
#ifndef MKT_LUA_KEYRING_H
#define MKT_LUA_KEYRING_H

#include "lua/compat.h"

/* Pushes the constructor, keyring(secret, ...): 1 to 8 secrets, each a string that is not empty.
 * Methods, of which all but close raise once it is closed:
 *
 *   check(header)         -> true | nil, message, code, detail: has it a signature's form?
 *   verify(body, header)  -> index | nil, message, code, detail
 *   receive(body, header) -> index, record | index, nil, message, code
 *                            | nil, message, code, detail: verifies, and reads what is authentic;
 *                            see record.h
 *   sign(body)            -> the header's value | nil, message, code
 *   close()
 *
 * `#keyring` is how many secrets it has. */
void mkt_lua_push_keyring(lua_State *L);

#endif
