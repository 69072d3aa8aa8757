/* uri.h: a file's name as SQLite's URI, which says more than a path can. */
#ifndef MKT_SQLITE_URI_H
#define MKT_SQLITE_URI_H

/* For the database at a path, whose mode, if it is made, is that of the file `mode_of` whatever the
 * umask; NULL is allowed there. The caller frees it with mkt_free; NULL if memory is short. */
char *mkt_sqlite_uri(const char *path, const char *mode_of);

#endif
