/* hash.h: the SQL function hash(text), for indexes smaller than what they are of. */
#ifndef MKT_SQLITE_HASH_H
#define MKT_SQLITE_HASH_H

#include <sqlite3.h>

/* Adds hash(text): 64 bits, the same on every machine, of the text's bytes; NULL of NULL. It is not
 * a secret's: whoever can choose texts can choose two with one hash. One of SQLite's result codes.
 */
int mkt_sqlite_add_hash(sqlite3 *db);

#endif
