/* file_read.h: files that are read whole. */
#ifndef MKT_FILE_READ_H
#define MKT_FILE_READ_H

#include "buffer.h"

#include <sys/types.h>

/* Appends all of a file, which need not be a regular one, to bytes. The path is NUL-terminated.
 * MKT_ERR_FILE_MISSING; MKT_ERR_FILE_FAILED; MKT_ERR_TOO_LARGE if the file does not fit into the
 * buffer's maximum; MKT_ERR_OUT_OF_MEMORY. The message names the path. Whatever was read until then
 * stays in the buffer. */
mkt_code mkt_file_read(const char *path, mkt_buffer *bytes, mkt_error *error);

/* Reads until n bytes are there or the file ends, whatever signals come. How many bytes were read,
 * or -1 with errno set. */
ssize_t mkt_read_fully(int fd, char *p, size_t n);

#endif
