/* notification.h: notifications as Lua tables. */
#ifndef MKT_LUA_NOTIFICATION_H
#define MKT_LUA_NOTIFICATION_H

#include "lua/compat.h"

/* Adds to the module table on top of the stack:
 *
 *   parse(body)        -> notification | nil, message, code, {offset=}. `attributes` and
 *                         `relationships` are left out; the metatable `notification` is set, whose
 *                         __index is to build them when they are first read.
 *   part(body, name)   -> the member `attributes` or `relationships` of a body that parse accepted,
 *                         or nil if it has none
 *   notification       -> the metatable of all notifications
 */
void mkt_lua_add_notification(lua_State *L);

#endif
