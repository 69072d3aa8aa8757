/* fields.h: the fields of a table of options.
 *
 * `table` is an absolute index. They are read without metamethods: what those give need not stay
 * alive. What has another type, or does not fit, raises and names the field.
 */
#ifndef MKT_LUA_FIELDS_H
#define MKT_LUA_FIELDS_H

#include "lua/compat.h"

#include <stdbool.h>
#include <stddef.h>

/* Pushes it, or nil. */
void mkt_lua_get_field(lua_State *L, int table, const char *name);

/* NULL if it is nil. It is pushed too, and valid while it is on the stack, whatever a finalizer
 * does to the table. */
const char *mkt_lua_text_field(lua_State *L, int table, const char *name, size_t *n);

/* Likewise, without NUL bytes. */
const char *mkt_lua_word_field(lua_State *L, int table, const char *name);
const char *mkt_lua_required_word(lua_State *L, int table, const char *name);

/* From 0 to `most`; `normal` if it is nil. */
lua_Number mkt_lua_number_field(lua_State *L, int table, const char *name, lua_Number normal,
                                lua_Number most);

bool mkt_lua_flag_field(lua_State *L, int table, const char *name);

#endif
