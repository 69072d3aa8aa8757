/* allocations.h: every allocation of the process, of which any can be made to fail.
 *
 * malloc, calloc and realloc are this program's own, and so fail for the core and for each library
 * that it uses; what Lua states take goes through mkt_torture_lua. Allocations of other threads are
 * not counted and never fail.
 */
#ifndef MKT_TORTURE_ALLOCATIONS_H
#define MKT_TORTURE_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum mkt_torture_whose { MKT_TORTURE_LUA, MKT_TORTURE_SYSTEM } mkt_torture_whose;

/* Lua 5.3 and 5.4 collect garbage and try again if an allocation fails, so that one that fails
 * once shows what the collection does, and only all that follow it show what its failure does. */
typedef enum mkt_torture_how { MKT_TORTURE_ONCE, MKT_TORTURE_ONWARD } mkt_torture_how;

/* From now on the n-th allocation, counted from 1, fails: it alone, or all from it on. */
void mkt_torture_arm(mkt_torture_whose whose, mkt_torture_how how, long n);

/* Nothing fails any more. Whether anything did. */
bool mkt_torture_disarm(void);

/* The code that asked for the first of the system's allocations that failed last; NULL for Lua's.
 */
const void *mkt_torture_caller(void);

/* Blocks that the system gave to other than Lua states and that were not freed. With ASan, whose
 * own functions allocate out of sight, it is always 0: LeakSanitizer looks at the end. */
long mkt_torture_system_blocks(void);

/* Bytes that Lua states have. */
size_t mkt_torture_lua_bytes(void);

/* A lua_Alloc. */
void *mkt_torture_lua(void *context, void *block, size_t old_bytes, size_t bytes);

#endif
