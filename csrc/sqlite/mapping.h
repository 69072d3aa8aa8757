/* mapping.h: whether a file that is mapped into memory is still there. */
#ifndef MKT_SQLITE_MAPPING_H
#define MKT_SQLITE_MAPPING_H

#include <stdbool.h>

/* Whether the file that is mapped at an address was removed, or another one took its place, by
 * /proc/self/maps (proc_pid_maps(5)). False if that cannot be read. */
bool mkt_mapped_file_is_removed(const void volatile *address);

#endif
