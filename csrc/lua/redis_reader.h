/* redis_reader.h: Redis's protocol without a socket, in Lua; for marketplace.nginx.redis.
 *
 *   redis.format{word, ...} -> the bytes of a command
 *   redis.reader() -> reader | nil, message, code
 *   reader:feed(bytes) -> true | nil, message, code
 *   reader:next() -> true and what connection:receive gives | false if more bytes are needed
 *     | nil, message, code if this is no answer
 *   reader:is_empty() -> whether all that was fed belongs to answers that were given
 */
#ifndef MKT_LUA_REDIS_READER_H
#define MKT_LUA_REDIS_READER_H

#include "lua/compat.h"

/* Adds these functions to the table at the top of the stack. mkt_lua_make_redis_values comes first.
 */
void mkt_lua_add_redis_reader(lua_State *L);

#endif
