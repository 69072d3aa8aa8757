#include "server/handover.h"

void mkt_ready_append(mkt_ready *to, const mkt_ready *from) {
  if (from->count == 0) return;
  if (to->last != NULL) to->last->next = from->first;
  if (to->first == NULL) to->first = from->first;
  to->last = from->last;
  to->count += from->count;
}

void mkt_hand_over(mkt_server *server, mkt_request *request) {
  request->complete = true;
  mkt_ready_append(&server->ready, &(mkt_ready){.first = request, .last = request, .count = 1});
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
  if (response != NULL && response != server->nothing) MHD_destroy_response(response);
}
