/* What is answered beside notifications: what is received of it, and how it gives way to them. */
#include "test/server_rig.h"

#include "server/refuse.h"

#include <stdlib.h>

enum { ALL = 8, HALF = 4 }; /* connections */

static const mkt_route ROUTES[] = {{"/updates", 40}, {"/apps/", 1}, {"/", 2}};

#define WITH(path, length, body) HEAD("POST " path) "Content-Length: " length "\r\n\r\n" body

/* Bodies that do not end. */
static const char UNFINISHED[] = WITH("/updates", "9", "x");
static const char UNFINISHED_SIGNED[] = HEAD("POST /hook") SIGNATURE "Content-Length: 4\r\n\r\nx";

static int open_with_routes(void **state) {
  mkt_error error;
  mkt_server_options options = OPTIONS;
  (void)state;
  options.path = "/hook";
  options.routes = ROUTES;
  options.route_count = sizeof ROUTES / sizeof ROUTES[0];
  now = 1000000;
  suspended = resumed = 0;
  is_late = false;
  return mkt_server_open(&server, &options, &error) == MKT_OK ? 0 : -1;
}

/* As of between two turns of the front. */
static mkt_connections connections_now(void) {
  mkt_front_owner_enters(&server->front);
  const mkt_connections connections = server->connections;
  mkt_front_owner_leaves(&server->front);
  return connections;
}

static mkt_requests requests_now(void) {
  mkt_front_owner_enters(&server->front);
  const mkt_requests requests = server->requests;
  mkt_front_owner_leaves(&server->front);
  return requests;
}

static void add_buffered(size_t more) {
  mkt_front_owner_enters(&server->front);
  server->requests.buffered += more;
  mkt_front_owner_leaves(&server->front);
}

/* The fault and the body of what this comes to. */
static void expect(const char *request, mkt_fault fault, const char *body) {
  int fd = connect_client(request);
  poll_until_ready();
  const mkt_request *ready = mkt_server_ready(server);
  const mkt_text text = mkt_request_body(ready);
  assert_int_equal(mkt_request_fault(ready), fault);
  assert_true(body == NULL ? text.p == NULL : mkt_text_is(text, body));
  const mkt_handle handle = mkt_request_handle(ready);
  const mkt_answer done = {.status = 200, .body = ""};
  mkt_server_take(server);
  mkt_server_answer(server, handle, &done);
  mkt_server_flush(server);
  assert_int_equal(close(fd), 0);
}

static void receives_bodies_up_to_the_route_s_own_bound(void **state) {
  (void)state;
  expect(WITH("/updates", "9", "123456789"), MKT_FAULT_NONE, "123456789");
  expect(WITH("/updates", "41", ""), MKT_FAULT_TOO_LARGE, NULL);
  expect(WITH("/apps/1", "1", "x"), MKT_FAULT_NONE, "x");
  expect(WITH("/apps/1", "2", ""), MKT_FAULT_TOO_LARGE, NULL);
  expect(WITH("/apps", "2", "xy"), MKT_FAULT_NONE, "xy"); /* of the root's */
  expect(WITH("/updates/", "3", ""), MKT_FAULT_TOO_LARGE, NULL);
  expect(HEAD("POST /apps/1") "Transfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n", MKT_FAULT_TOO_LARGE,
         NULL);
  expect(HEAD("GET /apps/1?a=b") "\r\n", MKT_FAULT_NONE, "");
  expect(SIGNED("/hook"), MKT_FAULT_NONE, "x"); /* none of a route */
  expect(SIGNED("/hook/"), MKT_FAULT_NONE, "x");
}

static void receives_no_body_but_a_plain_one_by_post(void **state) {
  (void)state;
  expect(HEAD("PUT /updates") "Content-Length: 1\r\n\r\n", MKT_FAULT_UNREAD, NULL);
  expect(HEAD("GET /updates") "Content-Length: 1\r\n\r\n", MKT_FAULT_UNREAD, NULL);
  expect(HEAD("POST /updates") "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n",
         MKT_FAULT_UNREAD, NULL);
  expect(HEAD("POST /updates") "Content-Encoding: identity\r\nContent-Length: 1\r\n\r\nx",
         MKT_FAULT_NONE, "x");
  expect(HEAD("POST /updates") "\r\n", MKT_FAULT_NO_LENGTH, NULL);
}

static void is_refused_by_its_head_while_the_owner_is_away(void **state) {
  (void)state;
  static const struct {
    const char *request, *start;
  } cases[] = {
      {HEAD("POST /updates") "\r\n", "HTTP/1.1 411 "},
      {HEAD("PUT /updates") "Content-Length: 1\r\n\r\nx", "HTTP/1.1 405 "},
      {HEAD("POST /updates") "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
       "HTTP/1.1 415 "},
      {WITH("/updates", "41", ""), "HTTP/1.1 413 "},
      {WITH("/apps/1", "2", "xy"), "HTTP/1.1 413 "},
  };
  const size_t count = sizeof cases / sizeof cases[0];
  int fds[2];
  be_late();
  connect_all(&fds[0], 1, WITH("/updates", "1", "x"));
  connect_all(&fds[1], 1, HEAD("GET /apps/1") "\r\n");
  for (size_t i = 0; i < count; i++)
    ask_once(cases[i].request, cases[i].start);
  is_late = false;
  assert_int_equal(mkt_server_poll(server, 0), 2 + count);
  assert_int_equal(count_handed_out(MKT_FAULT_NONE), 2);
  close_all(fds, 2);
}

static void ends_a_body_that_is_late(void **state) {
  (void)state;
  int fd = connect_client("");
  be_late();
  send_text(fd, UNFINISHED);
  while (connections_now().giving_way == 0)
    ask_once(LIVE, "HTTP/1.1 200 ");
  now += 5000;
  ask_once(LIVE, "HTTP/1.1 200 ");
  receive_text(fd, "HTTP/1.1 408 ");
  assert_int_equal(close(fd), 0);
}

static void counts_what_is_refused_of_each_route(void **state) {
  (void)state;
  enum { MORE = 3 };
  be_late();
  for (int i = 0; i < MKT_REFUSED_SHOWN + MORE; i++)
    ask_once(WITH("/apps/1", "2", ""), "HTTP/1.1 413 ");
  ask_once(HEAD("POST /hook") SIGNATURE "Content-Length: 5\r\n\r\n", "HTTP/1.1 413 ");
  is_late = false;
  assert_int_equal(mkt_server_poll(server, 0), MKT_REFUSED_SHOWN + 1);
  assert_int_equal(mkt_server_refused(server).all, MORE);
  assert_int_equal(mkt_server_refused(server).of_kind[MKT_REFUSAL_TOO_LARGE], 0);
  assert_int_equal(mkt_server_route_count(server), 3);
  assert_int_equal(mkt_server_refused_of_route(server, 0).all, 0);
  const mkt_refused refused = mkt_server_refused_of_route(server, 1);
  assert_int_equal(refused.all, MORE);
  assert_int_equal(refused.of_kind[MKT_REFUSAL_TOO_LARGE], MORE);
}

/* As the owner has it: what cannot be read is nobody's. */
static void counts_what_is_malformed_of_no_route(void **state) {
  (void)state;
  enum { MORE = 3 };
  be_late();
  for (int i = 0; i < MKT_REFUSED_SHOWN + MORE; i++)
    ask_once(HEAD("GET /apps/1") "Host: b\r\n\r\n", "HTTP/1.1 400 ");
  is_late = false;
  (void)mkt_server_poll(server, 0);
  assert_int_equal(mkt_server_refused(server).of_kind[MKT_REFUSAL_MALFORMED], MORE);
  assert_int_equal(mkt_server_refused_of_route(server, 1).all, 0);
}

/* Connections */

static void send_bodies(int fds[], size_t count, const char *request) {
  const size_t before = connections_now().engaged;
  for (size_t i = 0; i < count; i++)
    fds[i] = connect_client(request);
  while (connections_now().engaged < before + count)
    ask_once(LIVE, "HTTP/1.1 200 ");
}

static void takes_half_of_the_connections(void **state) {
  (void)state;
  int fds[HALF], more, signed_ones[ALL];
  be_late();
  send_bodies(fds, HALF - 1, UNFINISHED);
  connect_all(&fds[HALF - 1], 1, WITH("/updates", "1", "x"));
  ask_once(UNFINISHED, "HTTP/1.1 503 ");
  ask_once(HEAD("GET /apps/1") "\r\n", "HTTP/1.1 503 ");
  connect_all(signed_ones, HALF - 2, SIGNED("/hook"));
  assert_int_equal(connections_now().giving_way, HALF);
  now += 1000; /* a body that has come for so long makes room */
  connect_all(&more, 1, HEAD("GET /apps/1") "\r\n");
  assert_int_equal(connections_now().giving_way, HALF);
  close_all(fds, HALF);
  close_all(&more, 1);
  close_all(signed_ones, HALF - 2);
}

static void gives_its_connections_to_notifications(void **state) {
  (void)state;
  int fds[HALF], signed_ones[ALL];
  be_late();
  send_bodies(fds, HALF - 2, UNFINISHED);
  connect_all(&fds[HALF - 2], 2, WITH("/updates", "1", "x"));
  connect_all(signed_ones, ALL, SIGNED("/hook"));
  assert_int_equal(connections_now().giving_way, 0);
  for (size_t i = 0; i < HALF - 2; i++) {
    char byte;
    assert_true(recv(fds[i], &byte, 1, 0) <= 0);
  }
  receive_text(fds[HALF - 2], "HTTP/1.1 503 ");
  receive_text(fds[HALF - 1], "HTTP/1.1 503 ");
  is_late = false;
  assert_int_equal(mkt_server_poll(server, 0), ALL + 2);
  assert_int_equal(count_handed_out(MKT_FAULT_NONE), ALL);
  close_all(fds, HALF);
  close_all(signed_ones, ALL);
}

static void never_takes_the_place_of_a_notification_s_body(void **state) {
  (void)state;
  int signed_ones[ALL];
  be_late();
  send_bodies(signed_ones, ALL, UNFINISHED_SIGNED);
  ask_once(UNFINISHED, "HTTP/1.1 503 ");
  ask_once(HEAD("GET /apps/1") "\r\n", "HTTP/1.1 503 ");
  for (size_t i = 0; i < ALL; i++)
    send_text(signed_ones[i], "yzw");
  is_late = false;
  size_t count = 0;
  while (count < ALL) {
    (void)mkt_server_poll(server, 0);
    count = count_handed_out(MKT_FAULT_NONE);
  }
  close_all(signed_ones, ALL);
}

/* Room for bodies: 100 bytes, of which routes have 50. */

#define FORTY "1234567890123456789012345678901234567890"

static void takes_half_of_the_room_for_bodies(void **state) {
  (void)state;
  int fds[2];
  be_late();
  connect_all(&fds[0], 1, WITH("/updates", "40", FORTY));
  connect_all(&fds[1], 1, WITH("/updates", "10", "1234567890"));
  ask_once(WITH("/updates", "40", FORTY), "HTTP/1.1 503 ");
  assert_int_equal(requests_now().buffered_of_routes, 50);
  assert_int_equal(requests_now().buffered, 50);
  is_late = false;
  (void)mkt_server_poll(server, 0);
  mkt_server_take(server);
  assert_int_equal(requests_now().buffered_of_routes, 50); /* until it is answered */
  close_all(fds, 2);
}

static void gives_its_room_to_notifications(void **state) {
  (void)state;
  int fds[2], signed_one;
  be_late();
  connect_all(&fds[0], 1, WITH("/updates", "40", FORTY));
  add_buffered(59); /* of notifications */
  fds[1] = connect_client(UNFINISHED);
  connect_all(&signed_one, 1, SIGNED("/hook"));
  receive_text(fds[1], "HTTP/1.1 503 ");
  assert_int_equal(requests_now().buffered, 59 + 40 + 1);
  int other;
  connect_all(&other, 1, SIGNED("/hook"));
  receive_text(fds[0], "HTTP/1.1 503 ");
  assert_int_equal(requests_now().buffered, 59 + 2);
  assert_int_equal(requests_now().buffered_of_routes, 0);
  add_buffered((size_t)0 - 59);
  close_all(fds, 2);
  close_all(&signed_one, 1);
  close_all(&other, 1);
}

static void tells_whether_anybody_waits(void **state) {
  (void)state;
  const mkt_answer found = {.status = 200, .body = ""};
  int fd = connect_client(HEAD("GET /apps/1") "\r\n");
  const mkt_handle handle = take_request();
  (void)mkt_server_poll(server, 0);
  assert_int_equal(suspended, 1);
  assert_false(mkt_server_is_abandoned(server, handle));
  assert_int_equal(close(fd), 0);
  mkt_wait_for_bytes(server->requests.slots[0]->connection->fd);
  assert_true(mkt_server_is_abandoned(server, handle));
  mkt_server_answer(server, handle, &found);
  assert_true(mkt_server_is_abandoned(server, handle));
  assert_true(mkt_server_is_abandoned(server, 0));
}

#define WITH_ROUTES(name) cmocka_unit_test_setup_teardown(name, open_with_routes, close_server)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_ROUTES(receives_bodies_up_to_the_route_s_own_bound),
      WITH_ROUTES(receives_no_body_but_a_plain_one_by_post),
      WITH_ROUTES(is_refused_by_its_head_while_the_owner_is_away),
      WITH_ROUTES(ends_a_body_that_is_late),
      WITH_ROUTES(counts_what_is_refused_of_each_route),
      WITH_ROUTES(counts_what_is_malformed_of_no_route),
      WITH_ROUTES(takes_half_of_the_connections),
      WITH_ROUTES(gives_its_connections_to_notifications),
      WITH_ROUTES(never_takes_the_place_of_a_notification_s_body),
      WITH_ROUTES(takes_half_of_the_room_for_bodies),
      WITH_ROUTES(gives_its_room_to_notifications),
      WITH_ROUTES(tells_whether_anybody_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
