/* json_value.h: JSON values as Lua values.
 *
 * Objects and arrays become tables, null the light userdata NULL (which is cjson.null too), numbers
 * an integer if they are written as one and fit, otherwise a float.
 */
#ifndef MKT_LUA_JSON_VALUE_H
#define MKT_LUA_JSON_VALUE_H

#include "core/json.h"
#include "lua/compat.h"

/* Pushes the unescaped string. */
void mkt_lua_push_text(lua_State *L, mkt_json_text text);

/* Pushes the value whose JSON is `value`, which must have been checked before, be borrowed from a
 * Lua string on the stack (NUL-terminated) and be one whole value. */
void mkt_lua_push_json(lua_State *L, mkt_json_value value);

/* Adds to the module on top of the stack:
 *
 *   decode_json(text, lists) -> value | nil, message. Its lists have the metatable `lists`; strings
 *                               need not be UTF-8.
 *   without_null(table)      -> the same table: objects in it, and itself, lose their members that
 *                               are null; elements of lists stay, or those after them would move.
 *                               Raises if more than MKT_JSON_MAX_DEPTH levels are nested.
 */
void mkt_lua_add_json(lua_State *L);

#endif
