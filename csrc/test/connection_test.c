#include "server/connection.h"
#include "test/support.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CAPACITY = 8 };

static mkt_connections table;

static int fill(void **state) {
  (void)state;
  memset(&table, 0xFF, sizeof table);
  return mkt_connections_init(&table, CAPACITY) ? 0 : -1;
}

static int empty(void **state) {
  (void)state;
  mkt_connections_free(&table);
  return 0;
}

static mkt_connection *enter(mkt_phase phase, uint64_t now, uint64_t deadline) {
  mkt_connection *connection = mkt_connections_add(&table);
  assert_non_null(connection);
  mkt_connection_enter(&table, connection, phase, now, deadline);
  return connection;
}

static void has_room_for_so_many(void **state) {
  (void)state;
  mkt_connection *all[CAPACITY];
  for (size_t i = 0; i < CAPACITY; i++) {
    all[i] = mkt_connections_add(&table);
    assert_non_null(all[i]);
    assert_int_equal(all[i]->fd, -1);
    assert_int_equal(table.kept, i + 1);
    for (size_t k = 0; k < i; k++)
      assert_ptr_not_equal(all[i], all[k]);
  }
  assert_null(mkt_connections_add(&table));
  all[3]->suspended = true;
  mkt_connections_remove(&table, all[3]);
  assert_int_equal(table.kept, CAPACITY - 1);
  assert_ptr_equal(mkt_connections_add(&table), all[3]);
  assert_false(all[3]->suspended);
  assert_null(mkt_connections_add(&table));
}

static void refuses_a_capacity_beyond_all_memory(void **state) {
  (void)state;
  mkt_connections none;
  assert_false(mkt_connections_init(&none, SIZE_MAX / sizeof(mkt_connection) + 1));
}

/* The connections of a phase, which are linked both ways. */
static void expect_order(mkt_phase phase, mkt_connection *const *expected, size_t count) {
  const mkt_connection *at = table.timed[phase].first, *before = NULL;
  for (size_t i = 0; i < count; i++) {
    assert_ptr_equal(at, expected[i]);
    assert_ptr_equal(at->previous, before);
    before = at;
    at = at->next;
  }
  assert_null(at);
  assert_ptr_equal(table.timed[phase].last, before);
}

static void keeps_a_phase_in_the_order_of_deadlines(void **state) {
  (void)state;
  mkt_connection *second = enter(MKT_PHASE_HEADERS, 0, 20);
  mkt_connection *fourth = enter(MKT_PHASE_HEADERS, 0, 30);
  mkt_connection *third = enter(MKT_PHASE_HEADERS, 0, 20);
  mkt_connection *first = enter(MKT_PHASE_HEADERS, 0, 10);
  expect_order(MKT_PHASE_HEADERS, (mkt_connection *[]){first, second, third, fourth}, 4);
  mkt_connection_enter(&table, third, MKT_PHASE_WAITING, 0, 0);
  expect_order(MKT_PHASE_HEADERS, (mkt_connection *[]){first, second, fourth}, 3);
  mkt_connections_remove(&table, first);
  expect_order(MKT_PHASE_HEADERS, (mkt_connection *[]){second, fourth}, 2);
  mkt_connection_enter(&table, fourth, MKT_PHASE_IDLE, 0, 40);
  expect_order(MKT_PHASE_HEADERS, (mkt_connection *[]){second}, 1);
  expect_order(MKT_PHASE_IDLE, (mkt_connection *[]){fourth}, 1);
  mkt_connection_enter(&table, third, MKT_PHASE_IDLE, 0, 39);
  expect_order(MKT_PHASE_IDLE, (mkt_connection *[]){third, fourth}, 2);
  mkt_connections_remove(&table, second);
  expect_order(MKT_PHASE_HEADERS, NULL, 0);
}

static void expires_at_the_deadline(void **state) {
  (void)state;
  assert_int_equal(mkt_connections_deadline(&table), UINT64_MAX);
  for (int phase = 0; phase < MKT_TIMED_PHASES; phase++) {
    mkt_connection *one = enter((mkt_phase)phase, 100, 200);
    assert_int_equal(mkt_connections_deadline(&table), 200);
    assert_null(mkt_connections_expired(&table, 199));
    assert_ptr_equal(mkt_connections_expired(&table, 200), one);
    mkt_connections_remove(&table, one);
    assert_int_equal(mkt_connections_deadline(&table), UINT64_MAX);
    assert_null(mkt_connections_expired(&table, UINT64_MAX));
  }
  (void)enter(MKT_PHASE_BODY, 100, 201);
  (void)enter(MKT_PHASE_FRESH, 100, 202);
  (void)enter(MKT_PHASE_IDLE, 100, 200);
  assert_int_equal(mkt_connections_deadline(&table), 200);
  for (int phase = MKT_TIMED_PHASES; phase <= MKT_PHASE_DOOMED; phase++)
    (void)enter((mkt_phase)phase, 0, 0);
  assert_int_equal(mkt_connections_deadline(&table), 200);
  assert_null(mkt_connections_expired(&table, 199));
}

static void counts_those_that_are_engaged(void **state) {
  (void)state;
  static const mkt_phase phases[] = {MKT_PHASE_BODY, MKT_PHASE_PROBING, MKT_PHASE_WAITING};
  mkt_connection *one = enter(MKT_PHASE_FRESH, 0, 0);
  for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
    assert_int_equal(table.engaged, 0);
    mkt_connection_enter(&table, one, phases[i], 0, 0);
    assert_int_equal(table.engaged, 1);
    mkt_connections_remove(&table, enter(phases[i], 0, 0));
    mkt_connection_doom(&table, enter(phases[i], 0, 0));
    assert_int_equal(table.engaged, 1);
    mkt_connection_enter(&table, one, MKT_PHASE_IDLE, 0, 0);
  }
}

static void expect_victim(mkt_connection *expected, uint64_t now) {
  assert_ptr_equal(mkt_connections_victim(&table, now), expected);
  if (expected != NULL) mkt_connections_remove(&table, expected);
}

static void gives_up_the_one_that_is_worth_least(void **state) {
  (void)state;
  mkt_connection *body = enter(MKT_PHASE_BODY, 10, 9000);
  mkt_connection *closing = enter(MKT_PHASE_CLOSING, 20, 9000);
  mkt_connection *headers = enter(MKT_PHASE_HEADERS, 30, 9000);
  mkt_connection *young_idle = enter(MKT_PHASE_IDLE, 60, 9000);
  mkt_connection *fresh = enter(MKT_PHASE_FRESH, 50, 9000);
  mkt_connection *idle = enter(MKT_PHASE_IDLE, 40, 8000);
  (void)enter(MKT_PHASE_WAITING, 0, 0);
  (void)enter(MKT_PHASE_ANSWERING, 0, 0);
  expect_victim(idle, 5000);
  expect_victim(fresh, 5000);
  expect_victim(young_idle, 5000);
  expect_victim(closing, 5000);
  expect_victim(headers, 5000);
  expect_victim(body, 5000);
  expect_victim(NULL, 5000);
}

static void gives_up_new_ones_last(void **state) {
  (void)state;
  mkt_connection *body = enter(MKT_PHASE_BODY, 10, 9000);
  mkt_connection *closing = enter(MKT_PHASE_CLOSING, 4999, 9000);
  mkt_connection *old_headers = enter(MKT_PHASE_HEADERS, 4000, 8000);
  mkt_connection *headers = enter(MKT_PHASE_HEADERS, 4001, 9000);
  mkt_connection *idle = enter(MKT_PHASE_IDLE, 4001, 9000);
  assert_false(mkt_connection_is_new(old_headers, 5000));
  assert_true(mkt_connection_is_new(headers, 5000));
  expect_victim(closing, 5000);
  expect_victim(old_headers, 5000);
  expect_victim(body, 5000);
  expect_victim(idle, 5000);
  expect_victim(headers, 5000);
  expect_victim(NULL, 5000);
}

static void gives_up_one_that_asked_nothing_before_an_idle_one_as_old(void **state) {
  (void)state;
  mkt_connection *idle = enter(MKT_PHASE_IDLE, 40, 8000);
  mkt_connection *fresh = enter(MKT_PHASE_FRESH, 40, 9000);
  expect_victim(fresh, 5000);
  expect_victim(idle, 5000);
}

static void lets_a_body_come_for_a_second(void **state) {
  (void)state;
  mkt_connection *body = enter(MKT_PHASE_BODY, 10, 9000);
  expect_victim(NULL, 1009);
  expect_victim(body, 1010);
}

static void finds_the_body_that_has_come_for_a_second(void **state) {
  (void)state;
  mkt_connection *young = enter(MKT_PHASE_BODY, 5000, 8000);
  mkt_connection *old = enter(MKT_PHASE_BODY, 10, 9000);
  expect_victim(old, 5500);
  expect_victim(NULL, 5500);
  expect_victim(young, 6000);
}

static mkt_connection *enter_with_body(mkt_request *request, size_t size, uint64_t since) {
  mkt_connection *connection = enter(MKT_PHASE_BODY, since, 9000 + since);
  *request = (mkt_request){.counted = size};
  connection->request = request;
  return connection;
}

static void finds_the_largest_body_and_of_several_the_oldest(void **state) {
  (void)state;
  mkt_request requests[5];
  assert_null(mkt_connections_largest(&table, false));
  (void)enter_with_body(&requests[0], 0, 10);
  assert_null(mkt_connections_largest(&table, false));
  mkt_connection *small = enter_with_body(&requests[1], 10, 20);
  mkt_connection *younger = enter_with_body(&requests[2], 20, 40);
  mkt_connection *oldest = enter_with_body(&requests[3], 20, 30);
  (void)enter_with_body(&requests[4], 20, 50);
  (void)enter(MKT_PHASE_IDLE, 10, 20);
  assert_ptr_equal(mkt_connections_largest(&table, false), oldest);
  mkt_connections_remove(&table, oldest);
  assert_ptr_equal(mkt_connections_largest(&table, false), younger);
  requests[1].counted = 30;
  assert_ptr_equal(mkt_connections_largest(&table, false), small);
}

static mkt_connection *enter_giving_way(mkt_request *request, size_t size, uint64_t since) {
  mkt_connection *connection = mkt_connections_add(&table);
  assert_non_null(connection);
  connection->gives_way = true;
  *request = (mkt_request){.counted = size};
  connection->request = request;
  mkt_connection_enter(&table, connection, MKT_PHASE_BODY, since, 9000 + since);
  return connection;
}

static void counts_those_that_give_way(void **state) {
  (void)state;
  mkt_request request;
  mkt_connection *one = enter_giving_way(&request, 0, 10);
  (void)enter(MKT_PHASE_BODY, 10, 20);
  assert_int_equal(table.giving_way, 1);
  assert_int_equal(table.engaged, 2);
  mkt_connection_enter(&table, one, MKT_PHASE_WAITING, 0, 0);
  assert_int_equal(table.giving_way, 1);
  mkt_connection_enter(&table, one, MKT_PHASE_IDLE, 0, 40);
  assert_int_equal(table.giving_way, 0);
  mkt_connection_enter(&table, one, MKT_PHASE_BODY, 0, 40);
  mkt_connections_remove(&table, one);
  assert_int_equal(table.giving_way, 0);
  assert_int_equal(table.engaged, 1);
}

static void finds_bodies_that_give_way_before_others(void **state) {
  (void)state;
  mkt_request requests[4];
  mkt_connection *other = enter_with_body(&requests[0], 50, 10);
  assert_null(mkt_connections_body_giving_way(&table, 5000, false));
  assert_null(mkt_connections_largest(&table, true));
  mkt_connection *small = enter_giving_way(&requests[1], 10, 20);
  mkt_connection *large = enter_giving_way(&requests[2], 20, 30);
  assert_ptr_equal(mkt_connections_largest(&table, true), large);
  assert_ptr_equal(mkt_connections_largest(&table, false), other);
  assert_null(mkt_connections_body_giving_way(&table, 1019, true));
  assert_ptr_equal(mkt_connections_body_giving_way(&table, 1019, false), small);
  assert_ptr_equal(mkt_connections_body_giving_way(&table, 1020, true), small);
  assert_ptr_equal(mkt_connections_slow_body(&table, 1019), other);
  assert_ptr_equal(mkt_connections_slow_body(&table, 1020), small);
}

static void gives_a_body_five_seconds_and_one_more_for_each_500_bytes(void **state) {
  (void)state;
  const mkt_connection *body = enter(MKT_PHASE_BODY, 100, 9000);
  assert_int_equal(mkt_connection_body_deadline(body, 0, 30000), 5100);
  assert_int_equal(mkt_connection_body_deadline(body, 500, 30000), 6100);
  assert_int_equal(mkt_connection_body_deadline(body, 12500, 30000), 30100);
  assert_int_equal(mkt_connection_body_deadline(body, (size_t)1 << 40, 30000), 30100);
  assert_int_equal(mkt_connection_body_deadline(body, 0, 1000), 1100);
}

static void dooms_once(void **state) {
  (void)state;
  int pair[2];
  char byte;
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  mkt_connection *one = enter(MKT_PHASE_IDLE, 10, 20);
  (void)enter(MKT_PHASE_IDLE, 10, 30);
  one->fd = pair[0];
  mkt_connection_doom(&table, one);
  mkt_connection_doom(&table, one);
  assert_int_equal(one->phase, MKT_PHASE_DOOMED);
  assert_int_equal(table.kept, 1);
  assert_int_equal(mkt_connections_deadline(&table), 30);
  assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), 0);
  assert_int_equal(send(pair[1], "x", 1, MSG_NOSIGNAL), -1);
  mkt_connections_remove(&table, one);
  assert_int_equal(table.kept, 1);
  assert_int_equal(close(pair[0]), 0);
  assert_int_equal(close(pair[1]), 0);
}

int main(void) {
#define OF_A_TABLE(test) cmocka_unit_test_setup_teardown(test, fill, empty)
  const struct CMUnitTest tests[] = {
      OF_A_TABLE(has_room_for_so_many),
      cmocka_unit_test(refuses_a_capacity_beyond_all_memory),
      OF_A_TABLE(keeps_a_phase_in_the_order_of_deadlines),
      OF_A_TABLE(expires_at_the_deadline),
      OF_A_TABLE(counts_those_that_are_engaged),
      OF_A_TABLE(gives_up_the_one_that_is_worth_least),
      OF_A_TABLE(gives_up_new_ones_last),
      OF_A_TABLE(gives_up_one_that_asked_nothing_before_an_idle_one_as_old),
      OF_A_TABLE(lets_a_body_come_for_a_second),
      OF_A_TABLE(finds_the_body_that_has_come_for_a_second),
      OF_A_TABLE(finds_the_largest_body_and_of_several_the_oldest),
      OF_A_TABLE(counts_those_that_give_way),
      OF_A_TABLE(finds_bodies_that_give_way_before_others),
      OF_A_TABLE(gives_a_body_five_seconds_and_one_more_for_each_500_bytes),
      OF_A_TABLE(dooms_once),
  };
#undef OF_A_TABLE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
