/* whole.h: what is done to all of a database, and takes as long as it takes. */
#ifndef MKT_SQLITE_WHOLE_H
#define MKT_SQLITE_WHOLE_H

#include "sqlite/database.h"

/* Reads all pages; fails with what is wrong first. Does not mind the deadline. */
mkt_code mkt_sqlite_quick_check(mkt_sqlite *database, mkt_error *error);

/* What is done once nobody else can write to what is about to become a copy, and before anything
 * of it is overwritten. If it fails, with an error of its own, nothing is. */
typedef struct mkt_sqlite_before_copy {
  mkt_code (*run)(void *context, mkt_error *error); /* NULL is allowed */
  void *context;
} mkt_sqlite_before_copy;

/* Makes `other` a copy, in one transaction, while others use both. Waits for them until the
 * deadline, then copies however long that takes. */
mkt_code mkt_sqlite_copy(mkt_sqlite *database, mkt_sqlite *other,
                         const mkt_sqlite_before_copy *before, mkt_error *error);

#endif
