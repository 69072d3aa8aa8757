/* file.h: files that are replaced whole, or not at all, and locks between processes.
 *
 * Nothing here allocates. Paths are NUL-terminated and shorter than PATH_MAX. Messages name the
 * path and the system's reason, never what a file holds.
 */
#ifndef MKT_FILE_H
#define MKT_FILE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum mkt_file_how {
  MKT_FILE_REPLACE, /* whether it exists or not */
  MKT_FILE_NEW      /* only if the path does not exist: MKT_ERR_FILE_EXISTS */
} mkt_file_how;

/* Makes p[0..n) what the file holds: written to a temporary file beside it, synced, renamed, and
 * the folder synced, so that a reader, or whoever comes after a crash, finds all of the old bytes
 * or all of the new ones. A symbolic link stays one, and what it names is replaced; if it names
 * nothing that fails. Mode, owner and group of an existing file are kept (not its ACL, extended
 * attributes or other hard links); a new file is the caller's alone (0600). Only regular files are
 * replaced.
 *
 * MKT_ERR_FILE_FAILED: the old file is as it was and the temporary one is gone, with one exception,
 * which the message tells: the folder could not be synced after the rename. A process that is
 * killed leaves the old file or the new one, and may leave the temporary one, which is 0600 but for
 * the moment before it is renamed: .NAME.<16 hex digits>.tmp, see mkt_file_remove_leftovers. */
mkt_code mkt_file_replace(const char *path, const char *p, size_t n, mkt_file_how how,
                          mkt_error *error);

/* Gives a regular file that was written at `from` its place, `to`, in the same folder: synced,
 * renamed over what was there, and the folder synced, so that after a crash whoever finds a new
 * file finds all of it. With `keep`, which may be NULL, what was there has that name from then on,
 * in the same folder, and its owner, group and mode are the new file's too; `to` names a file at
 * every moment. Waits for the disk as long as that takes. MKT_ERR_FILE_FAILED: `to` is as it was,
 * with the same exception, and `from` is where it was. */
mkt_code mkt_file_put_in_place(const char *from, const char *to, const char *keep,
                               mkt_error *error);

/* Waits until a file, or the names in a folder, are on the disk. MKT_ERR_FILE_FAILED. */
mkt_code mkt_file_sync(const char *path, mkt_error *error);

/* Removes the temporary files of that path that killed processes left. Only for callers that know
 * that nobody writes it now. A name longer than NAME_MAX - 22 bytes has leftovers that this leaves.
 */
mkt_code mkt_file_remove_leftovers(const char *path, mkt_error *error);

/* An advisory lock (flock). Zero it before use; mkt_file_unlock gives it back. */
typedef struct mkt_file_lock {
  bool held;
  int fd;
} mkt_file_lock;

/* Takes the lock without waiting. The file is made (0600) if there is none, and holds nothing;
 * whoever holds the lock may remove it before giving the lock back. The lock ends with the process,
 * is not passed on by exec, and a forked child that gives it back does not take it from its parent.
 * MKT_ERR_LOCKED if another process has it; MKT_ERR_FILE_FAILED. */
mkt_code mkt_file_lock_take(mkt_file_lock *lock, const char *path, mkt_error *error);

/* Makes p[0..n) what the file holds, as mkt_file_replace does, but a new file of the caller's
 * (0644) in place of whatever was there, on which the lock is held from before anybody sees it: who
 * finds it locked knows that its maker lives. A file that replaces it does not have the lock. A
 * symbolic link is refused: where others may write, it may name any file of the caller's. */
mkt_code mkt_file_replace_locked(mkt_file_lock *lock, const char *path, const char *p, size_t n,
                                 mkt_error *error);

/* Whether another process, or this one, holds a lock on the file. */
mkt_code mkt_file_is_locked(const char *path, bool *locked, mkt_error *error);

/* Idempotent. */
void mkt_file_unlock(mkt_file_lock *lock);

#endif
