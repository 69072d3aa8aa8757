#include "server/send.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "server/answer.h"
#include "server/body.h"
#include "server/receive.h"

/* What libmicrohttpd is given at a time, and how often a body with a rate is a little further. */
enum { BLOCK_BYTES = 512 << 10, STEPS_A_SECOND = 20 };

typedef struct sending {
  mkt_server *server;
  mkt_connection *connection; /* whose response this is, and who outlives it */
  mkt_body *body;
  uint64_t begun; /* 0 until the first bytes are asked for */
} sending;

/* Rates */

static uint64_t step_of(const mkt_body *body) {
  const uint64_t step = mkt_body_rate(body) / STEPS_A_SECOND;
  return step > 0 ? step : 1;
}

/* How many milliseconds after the start so many bytes may have been sent. */
static uint64_t time_of(const mkt_body *body, uint64_t bytes) {
  return bytes * 1000 / mkt_body_rate(body);
}

static void wait_for_rate(sending *now, uint64_t at) {
  mkt_connection *connection = now->connection;
  const uint64_t until =
      now->begun + time_of(now->body, mkt_body_read_so_far(now->body) + step_of(now->body));
  mkt_connection_enter(&now->server->connections, connection, MKT_PHASE_PAUSED, at,
                       until > at ? until : at + 1);
  connection->suspended = true;
  MHD_suspend_connection(connection->mhd);
}

/* How many bytes may be sent now; 0 if the rate does not allow a step. */
static size_t allowed(const sending *now, uint64_t at, size_t most) {
  const uint64_t rate = mkt_body_rate(now->body);
  if (rate == 0) return most;
  const uint64_t may = (at - now->begun) * rate / 1000;
  const uint64_t sent = mkt_body_read_so_far(now->body);
  if (may < sent + step_of(now->body)) return 0;
  return may - sent < most ? (size_t)(may - sent) : most;
}

/* Reading */

static ssize_t end_of(const mkt_body *body) {
  return mkt_body_length(body) == MKT_BODY_NO_LENGTH ? MHD_CONTENT_READER_END_OF_STREAM
                                                     : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void enter_sending(mkt_server *server, mkt_connection *connection, uint64_t at) {
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_SENDING, at,
                       at + server->idle_timeout);
}

static ssize_t read_some(void *cls, uint64_t position, char *out, size_t most) {
  sending *now = cls;
  const uint64_t at = mkt_clock_milliseconds();
  (void)position;
  if (now->begun == 0) now->begun = at;
  const size_t may = allowed(now, at, most);
  if (may == 0) {
    wait_for_rate(now, at);
    return 0;
  }
  const size_t n = mkt_body_read(now->body, out, may);
  if (n == 0) return end_of(now->body);
  enter_sending(now->server, now->connection, at);
  return (ssize_t)n;
}

static void close_sending(void *cls) {
  sending *now = cls;
  mkt_body_close(now->body);
  mkt_free(now);
}

static struct MHD_Response *create(sending *now) {
  const uint64_t length = mkt_body_length(now->body);
  return MHD_create_response_from_callback(length == MKT_BODY_NO_LENGTH ? MHD_SIZE_UNKNOWN : length,
                                           BLOCK_BYTES, read_some, now, close_sending);
}

struct MHD_Response *mkt_send_response(mkt_server *server, mkt_connection *connection,
                                       const mkt_answer *answer, bool close) {
  sending *now = mkt_alloc_zero(sizeof *now);
  if (now == NULL) {
    mkt_body_close(answer->pieces);
    return NULL;
  }
  *now = (sending){.server = server, .connection = connection, .body = answer->pieces};
  struct MHD_Response *response = create(now);
  if (response == NULL) close_sending(now);
  return response != NULL ? mkt_answer_complete(response, answer, close) : NULL;
}

/* Phases */

void mkt_send_begin(mkt_server *server, mkt_connection *connection) {
  enter_sending(server, connection, mkt_clock_milliseconds());
}

void mkt_send_go_on(mkt_server *server, mkt_connection *connection) {
  enter_sending(server, connection, mkt_clock_milliseconds());
  mkt_receive_resume(connection);
}

void mkt_send_end_waits(mkt_server *server) {
  mkt_connection *connection = NULL;
  while ((connection = server->connections.timed[MKT_PHASE_PAUSED].first) != NULL) {
    mkt_connection_doom(&server->connections, connection);
    mkt_receive_resume(connection);
  }
}
