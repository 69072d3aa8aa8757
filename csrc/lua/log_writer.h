/* log_writer.h: the userdata that core.log_writer makes. */
#ifndef MKT_LUA_LOG_WRITER_H
#define MKT_LUA_LOG_WRITER_H

#include "lua/compat.h"

/* Adds log_writer to the table on top of the stack. */
void mkt_lua_add_log_writer(lua_State *L);

#endif
