/* http_sink.h: what takes the body of an answer as it comes, in C, in place of memory.
 *
 * It is a userdata of Lua, of the type below, whose block begins with this struct: so that what
 * makes it, and what gives bytes to it, may be modules that are not linked together.
 *
 * Whoever owns it may end its use at any time, in the thread that moves exchanges on: what is
 * called then fails. The block itself must stay until the exchange has ended.
 */
#ifndef MKT_HTTP_SINK_H
#define MKT_HTTP_SINK_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MKT_HTTP_SINK_TYPE "marketplace.http_sink"

/* The most bytes that a sink is given at once. */
enum { MKT_HTTP_SINK_PIECE = 65536 };

/* The length of a body whose answer does not tell it. */
#define MKT_HTTP_SINK_LENGTH_UNKNOWN UINT64_MAX

typedef enum mkt_http_sink_taken {
  MKT_HTTP_SINK_TAKEN, /* all of it */
  MKT_HTTP_SINK_FULL,  /* none of it: the same bytes are offered again once it has room */
  MKT_HTTP_SINK_FAILED /* none of it: the exchange ends with this error */
} mkt_http_sink_taken;

typedef struct mkt_http_sink mkt_http_sink;

/* Called by the thread that moves the exchange on; none of them blocks for long. */
typedef struct mkt_http_sink_calls {
  /* Once for each answer, before its first byte, which is byte `from` of the file; the body has
   * `length` bytes. Any code. */
  mkt_code (*begin)(mkt_http_sink *sink, uint64_t from, uint64_t length, mkt_error *error);
  mkt_http_sink_taken (*take)(mkt_http_sink *sink, const char *p, size_t n, mkt_error *error);
  bool (*has_room)(mkt_http_sink *sink);
  /* From now on the sink calls wake(of), from any thread, when it has room again; NULL: no more,
   * not even from a call that has begun. */
  void (*wake_by)(mkt_http_sink *sink, void (*wake)(void *of), void *of);
} mkt_http_sink_calls;

struct mkt_http_sink {
  const mkt_http_sink_calls *calls;
  bool is_in_use; /* by an exchange that has not ended, which sets it */
};

#endif
