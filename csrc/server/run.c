#include "server/run.h"

#include "core/clock.h"
#include "server/receive.h"

#include <limits.h>

static bool has_pending_work(mkt_server *server) {
  MHD_UNSIGNED_LONG_LONG timeout = 0;
  return MHD_get_timeout(server->daemon, &timeout) == MHD_YES && timeout == 0;
}

static void wait_and_run(mkt_server *server, int milliseconds) {
  if (server->linger.count > 0 && !has_pending_work(server)) {
    mkt_wait wait = {.milliseconds = milliseconds};
    wait.count = mkt_linger_list(&server->linger, wait.polled);
    mkt_wait_for(&wait, server->epoll_fd);
    milliseconds = 0;
  }
  (void)MHD_run_wait(server->daemon, milliseconds);
}

/* In the first run libmicrohttpd asks for the answers, in the second it sends them. */
void mkt_run_answers(mkt_server *server) {
  server->has_replied = false;
  (void)MHD_run_wait(server->daemon, 0);
  (void)MHD_run_wait(server->daemon, 0);
}

void mkt_run_sockets(mkt_server *server, int milliseconds) {
  wait_and_run(server, milliseconds);
  uint64_t now = mkt_clock_milliseconds();
  mkt_receive_expire(server, now);
  if (server->has_replied) mkt_run_answers(server);
  if (server->linger.count > 0) mkt_linger_run(&server->linger, now);
}

int mkt_run_time_to_wait(const mkt_server *server, int milliseconds) {
  uint64_t deadline = mkt_connections_deadline(&server->connections);
  uint64_t lingering = mkt_linger_deadline(&server->linger);
  if (lingering < deadline) deadline = lingering;
  uint64_t now = mkt_clock_milliseconds();
  if (deadline <= now) return 0;
  return deadline - now < (uint64_t)milliseconds ? (int)(deadline - now) : milliseconds;
}

void mkt_run_plan_wait(mkt_server *server, mkt_wait *wait) {
  wait->count = mkt_linger_list(&server->linger, wait->polled);
  wait->polled[wait->count++] = (struct pollfd){.fd = server->epoll_fd, .events = POLLIN};
  wait->milliseconds = has_pending_work(server) ? 0 : mkt_run_time_to_wait(server, INT_MAX);
}

void mkt_wait_for(mkt_wait *wait, int wakes_fd) {
  wait->polled[wait->count] = (struct pollfd){.fd = wakes_fd, .events = POLLIN};
  (void)poll(wait->polled, wait->count + 1, wait->milliseconds);
}
