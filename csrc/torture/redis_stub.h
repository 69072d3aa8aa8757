/* redis_stub.h: a process that answers each command with the list {"one", 2, nil, {"three"}}, as
 * Redis would. */
#ifndef MKT_TORTURE_REDIS_STUB_H
#define MKT_TORTURE_REDIS_STUB_H

/* Starts it if it is not running; gives its port on 127.0.0.1, or -1. It ends with this process
 * at the latest. */
int mkt_torture_redis_stub(void);

void mkt_torture_redis_stub_end(void);

#endif
