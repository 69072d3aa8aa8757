/* folder.h: what is done with the folders that packages lie in. What has been done is on the disk.
 *
 * Paths are NUL-terminated and shorter than PATH_MAX. Messages name the path. MKT_ERR_FILE_EXISTS,
 * FILE_MISSING, DISK_FULL; FILE_FAILED for everything else.
 */
#ifndef MKT_PACKAGE_FOLDER_H
#define MKT_PACKAGE_FOLDER_H

#include "core/error.h"

#include <stdint.h>
#include <sys/types.h>

/* Gives a regular file, not a link, a second name, which must not exist. */
mkt_code mkt_package_link(const char *from, const char *to, mkt_error *error);

/* Moves a file or a folder; what is at `to` is never replaced. */
mkt_code mkt_package_rename(const char *from, const char *to, mkt_error *error);

/* Makes the folder, and those above it that are missing, all with this mode; those that are there
 * stay as they are, but for one whose maker was killed. */
mkt_code mkt_package_make_folders(const char *path, mode_t mode, mkt_error *error);

/* Removes a file, a link or a folder with all that is in it; links are not followed. If there is
 * nothing, that is fine. */
mkt_code mkt_package_remove_tree(const char *path, mkt_error *error);

/* How many bytes this process can store there. */
mkt_code mkt_package_disk_free(const char *path, uint64_t *bytes, mkt_error *error);

/* The error of a system call that failed with `why`. */
mkt_code mkt_package_fail(mkt_error *error, const char *path, const char *what, int why);

#endif
