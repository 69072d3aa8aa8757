/* envelope.h: what devices seal for a licence server, in Lua.
 *
 *   core.envelope_key(pem)       -> a private key | nil, message, "key_invalid"
 *   core.envelope_key_file(path) -> likewise
 *   core.envelope_certificate(bytes) -> its public key | nil, message, "key_invalid"
 *   core.check_certificate(bytes)    -> true | nil, message, "key_invalid"
 *   key:open(wrapped, sealed)    -> text | text, problem | nil, message, code
 *   key:seal(text[, secret])     -> wrapped, sealed | nil, message, code; secret: 32 bytes
 *   key:is_same(other)           -> whether they are of one pair
 *   key:close(), also by the garbage collector
 *
 * Only a private key opens. With a problem the text is a random one, with which to go on, so that
 * nobody outside learns of the problem: core/envelope.h says why.
 */
#ifndef MKT_LUA_ENVELOPE_H
#define MKT_LUA_ENVELOPE_H

#include "lua/compat.h"

/* Adds the functions to the table at the top of the stack. */
void mkt_lua_add_envelope(lua_State *L);

#endif
