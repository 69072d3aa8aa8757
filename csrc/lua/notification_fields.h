/* notification_fields.h: what a notification says, as members of the Lua table on top of the stack.
 *
 * What the notification does not have is left out. Known types' names and events are taken from a
 * table of Lua strings that the calling function has as its first upvalue: names longer than 40
 * bytes would be copied for each notification.
 */
#ifndef MKT_LUA_NOTIFICATION_FIELDS_H
#define MKT_LUA_NOTIFICATION_FIELDS_H

#include "core/notification.h"
#include "lua/compat.h"

/* Pushes the table that is to be the first upvalue. */
void mkt_lua_push_names(lua_State *L);

void mkt_lua_set_type(lua_State *L, const mkt_notification *notification);
void mkt_lua_set_event(lua_State *L, const mkt_notification *notification);
/* Seconds since the epoch. */
void mkt_lua_set_time(lua_State *L, const mkt_notification *notification);
void mkt_lua_set_text(lua_State *L, const char *field, mkt_json_text text);

#endif
