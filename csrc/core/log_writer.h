/* log_writer.h: writes lines to a descriptor without keeping the caller waiting.
 *
 * Lines are copied into a ring, and a thread writes them. A reader that is stuck, a terminal that
 * is stopped and a disk that hangs hold up the thread alone. What does not fit into the ring, and
 * what cannot be written, is dropped.
 *
 * Lines stay whole: as many as fit into PIPE_BUF bytes are one write, which a pipe that others
 * write to as well keeps together. The descriptor may be shared with other processes, so that it is
 * not made non-blocking; one that is non-blocking already is waited for. If a write breaks off in
 * the middle of a line, as on a full disk, the next one begins a line.
 *
 * The thread takes no signals. A forked process writes nothing of what its parent had in the ring;
 * its first line starts a thread of its own, with an empty ring. exit(3) waits until the ring is
 * empty, for a second at most.
 */
#ifndef MKT_LOG_WRITER_H
#define MKT_LOG_WRITER_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mkt_log_writer mkt_log_writer;

typedef struct mkt_log_failures {
  uint64_t lines; /* that could not be written, since the start */
  int number;     /* errno of the last one; 0 if there was none */
  bool lasts;     /* nothing could be written since */
} mkt_log_failures;

/* A writer to a duplicate of this descriptor, with a ring of so many bytes, at least 1. On success
 * *writer is owned by the caller. MKT_ERR_OUT_OF_MEMORY otherwise, and also if the descriptor
 * cannot be duplicated or no thread started. */
mkt_code mkt_log_writer_open(mkt_log_writer **writer, int fd, size_t bytes, mkt_error *error);

/* Whole lines, the last byte being a line feed; whether there was room. Never waits. Calls must not
 * overlap. */
bool mkt_log_writer_add(mkt_log_writer *writer, const char *lines, size_t n);

mkt_log_failures mkt_log_writer_failures(const mkt_log_writer *writer);

/* Waits until all is written or dropped, for so many milliseconds at most; whether it is. */
bool mkt_log_writer_flush(mkt_log_writer *writer, int milliseconds);

/* Flushes, and frees the writer. What is still in the ring then is lost. NULL is allowed. */
void mkt_log_writer_close(mkt_log_writer *writer, int milliseconds);

#endif
