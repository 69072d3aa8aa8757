/* http_server_body.h: the bodies of answers that are lists of strings.
 *
 * Of strings that are the same object one copy is kept. A list may have two members besides:
 * `length`, what is promised in place of the sum of its strings (if it is more, the connection ends
 * after the last of them; if it is false, nothing is promised, and they are sent in chunks), and
 * `rate`, the most bytes a second.
 */
#ifndef MKT_LUA_HTTP_SERVER_BODY_H
#define MKT_LUA_HTTP_SERVER_BODY_H

#include "lua/compat.h"
#include "server/server.h"

/* Pushes what mkt_lua_check_body and mkt_lua_make_body read of the list at the positive index,
 * without its metamethods: two values, which for anything but a table are nil. */
void mkt_lua_push_body_options(lua_State *L, int index);

/* Raises, naming response number i, unless the list at that index and its options, at the two
 * indexes from `options` on, make a body. Makes nothing in Lua. */
void mkt_lua_check_body(lua_State *L, int i, int index, int options);

/* The body, which is the caller's, of a list that was checked; NULL when memory is short. Neither
 * raises nor makes anything in Lua. There must be room for a value on the stack. */
mkt_body *mkt_lua_make_body(lua_State *L, int index, int options);

#endif
