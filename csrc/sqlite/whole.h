/* whole.h: what is done to all of a database, and takes as long as it takes. */
#ifndef MKT_SQLITE_WHOLE_H
#define MKT_SQLITE_WHOLE_H

#include "sqlite/database.h"

/* Reads all pages; fails with what is wrong first. Does not mind the deadline. */
mkt_code mkt_sqlite_quick_check(mkt_sqlite *database, mkt_error *error);

/* Makes `other` a copy, in one transaction, while others use both. Waits for them until the
 * deadline, then copies however long that takes. */
mkt_code mkt_sqlite_copy(mkt_sqlite *database, mkt_sqlite *other, mkt_error *error);

#endif
