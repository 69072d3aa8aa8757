/* command.h: programs that are run beside this process, in the module marketplace.core. */
#ifndef MKT_LUA_COMMAND_H
#define MKT_LUA_COMMAND_H

#include "lua/compat.h"

/* Adds start_command to the table on top of the stack. */
void mkt_lua_add_command(lua_State *L);

#endif
