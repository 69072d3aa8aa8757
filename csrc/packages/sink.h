/* sink.h: takes the bytes of an asset, in order, into a file, and hashes them on the way.
 *
 * A thread of its own writes and hashes beside the one that receives: between them is a ring of
 * MKT_PACKAGE_RING bytes, which is all the memory that a sink needs however large the file is. The
 * thread also checks what an earlier run has left, and syncs the file once it is complete.
 *
 * A sink belongs to the thread that opened it. After a fork, only mkt_package_sink_close and
 * mkt_package_sink_is_ours may be called in the child.
 */
#ifndef MKT_PACKAGE_SINK_H
#define MKT_PACKAGE_SINK_H

#include "core/error.h"
#include "core/http_sink.h"
#include "packages/digests.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MKT_PACKAGE_RING = 2097152 };

typedef struct mkt_package_sink mkt_package_sink;

/* Copied by mkt_package_sink_open. */
typedef struct mkt_package_order {
  const char *path;
  mkt_package_wanted wanted;
  /* Go on with what is there: up to the first chunk that is not what it should be, or all of it if
   * chunks are not compared. Otherwise the file begins anew. */
  bool resumes;
} mkt_package_order;

/* On success *sink is the caller's, to be closed. MKT_ERR_DISK_FULL, FILE_FAILED, OUT_OF_MEMORY,
 * CRYPTO_FAILED. What is there is checked after this returns. */
mkt_code mkt_package_sink_open(mkt_package_sink **sink, const mkt_package_order *order,
                               mkt_error *error);

/* Writes what it has taken, and leaves the file as it is then. NULL is allowed. */
void mkt_package_sink_close(mkt_package_sink *sink);

bool mkt_package_sink_is_ours(const mkt_package_sink *sink);

/* Whether the thread neither checks what was there nor brings the complete file to an end: what
 * follows would wait for that. */
bool mkt_package_sink_is_ready(mkt_package_sink *sink);

/* Where the next bytes belong. Fails as the sink has failed: that lasts until it is restarted. */
mkt_code mkt_package_sink_offset(mkt_package_sink *sink, uint64_t *offset, mkt_error *error);

/* The same without waiting, and whether it has failed or not. */
uint64_t mkt_package_sink_written(mkt_package_sink *sink);

/* Forgets what is there, and that it has failed. */
mkt_code mkt_package_sink_restart(mkt_package_sink *sink, mkt_error *error);

/* MKT_ERR_ASSET_SIZE if bytes are missing: more can follow then. MKT_ERR_ASSET_CORRUPT, DISK_FULL,
 * FILE_FAILED, CRYPTO_FAILED: the sink has failed. */
mkt_code mkt_package_sink_finish(mkt_package_sink *sink, mkt_package_found *found,
                                 mkt_error *error);

/* As mkt_http_sink_calls has them. An answer that is not the rest of the file, or all of it, is
 * refused before anything is overwritten: MKT_ERR_ASSET_SIZE, MKT_ERR_HTTP_FAILED. */
mkt_code mkt_package_sink_begin(mkt_package_sink *sink, uint64_t from, uint64_t length,
                                mkt_error *error);
mkt_http_sink_taken mkt_package_sink_take(mkt_package_sink *sink, const char *p, size_t n,
                                          mkt_error *error);
bool mkt_package_sink_has_room(mkt_package_sink *sink);
void mkt_package_sink_wake_by(mkt_package_sink *sink, void (*wake)(void *of), void *of);

#endif
