/* pin.h: keeps this shared object loaded until the process ends.
 *
 * OpenSSL, libcurl and GnuTLS keep pointers to code that a Lua state, which closes its modules when
 * it is closed, would otherwise unmap under them.
 */
#ifndef MKT_LUA_PIN_H
#define MKT_LUA_PIN_H

/* Called by each luaopen_*. If the loader refuses, nothing changes. */
void mkt_lua_pin(void);

#endif
