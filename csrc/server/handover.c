#include "server/handover.h"

void mkt_hand_over(mkt_server *server, mkt_request *request) {
  request->complete = true;
  if (server->ready.last != NULL) server->ready.last->next = request;
  if (server->ready.first == NULL) server->ready.first = request;
  server->ready.last = request;
  server->ready.count++;
  server->stats.waiting++;
}

void mkt_abandon(mkt_server *server, mkt_connection *connection) {
  mkt_request *request = connection->request;
  if (request == NULL) return;
  connection->request = NULL;
  request->connection = NULL;
  if (!request->complete) mkt_requests_remove(&server->requests, request);
}

void mkt_drop_response(const mkt_server *server, struct MHD_Response *response) {
  bool is_kept = response == server->nothing || response == server->health.late;
  if (response != NULL && !is_kept) MHD_destroy_response(response);
}
