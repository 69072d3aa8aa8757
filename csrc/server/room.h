/* room.h: who is let in when there is too much. */
#ifndef MKT_ROOM_H
#define MKT_ROOM_H

#include "server/internal.h"

/* Whether a newcomer's connection is accepted; the one that is worth least may be closed for it. */
bool mkt_room_admit(mkt_server *server);

/* Whether more requests are under way, or wait for the owner, than should. */
bool mkt_room_is_short(const mkt_server *server);

/* Whether a notification may wait all the same, as another one gives way that is worth less. */
bool mkt_room_to_wait(mkt_server *server);

/* Whether there is room for another request of a route, which is counted already: one whose body
 * has been on its way for long may be ended for it. */
bool mkt_room_for_route(mkt_server *server);

#endif
