#include "server/reply.h"

#include "core/clock.h"
#include "server/answer.h"
#include "server/handover.h"
#include "server/receive.h"
#include "server/send.h"

static bool is_nothing(const mkt_answer *answer) {
  return answer->header_count == 0 && answer->body_length == 0;
}

static struct MHD_Response *response_for(mkt_server *server, mkt_connection *connection,
                                         const mkt_answer *answer) {
  bool close = server->draining || connection->is_last;
  connection->is_in_pieces = answer->pieces != NULL;
  if (answer->pieces != NULL) return mkt_send_response(server, connection, answer, close);
  return is_nothing(answer) && !close ? server->nothing : mkt_answer_response(answer, close);
}

static void answer_complete(mkt_server *server, mkt_connection *connection,
                            const mkt_answer *answer) {
  connection->response = response_for(server, connection, answer);
  connection->status = answer->status;
  if (connection->response == NULL) {
    mkt_connection_doom(&server->connections, connection);
    return;
  }
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_ANSWERING, 0, 0);
}

static void answer_raw(mkt_server *server, mkt_connection *connection, const mkt_answer *answer) {
  const uint64_t now = mkt_clock_milliseconds();
  mkt_connection_enter(&server->connections, connection, MKT_PHASE_CLOSING, now,
                       now + MKT_LINGER_TIME);
  if (!mkt_answer_write(connection->mhd, connection->fd, answer)) {
    mkt_connection_doom(&server->connections, connection);
  }
}

bool mkt_reply(mkt_server *server, mkt_connection *connection, mkt_fault fault,
               const mkt_answer *answer) {
  const bool is_complete = answer->status != MKT_STATUS_NO_ANSWER && fault == MKT_FAULT_NONE;
  if (answer->status == MKT_STATUS_NO_ANSWER) {
    mkt_connection_doom(&server->connections, connection);
  } else if (is_complete) {
    answer_complete(server, connection, answer);
  } else {
    answer_raw(server, connection, answer);
  }
  mkt_receive_resume(connection);
  server->has_replied = true;
  return is_complete;
}

void mkt_reply_late(mkt_server *server, mkt_connection *connection) {
  const mkt_fault fault = connection->request->fault;
  mkt_abandon(server, connection);
  server->ready.judged = NULL;
  connection->is_last = true;
  connection->may_close = true;
  (void)mkt_reply(server, connection, fault, &mkt_health_late);
}
