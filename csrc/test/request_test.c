#include "server/request.h"
#include "test/support.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 300, MOST_BODY = 10000 };

static mkt_requests table;

static int empty(void **state) {
  (void)state;
  mkt_requests_free(&table);
  table = (mkt_requests){0};
  return 0;
}

static mkt_request *add(void) {
  mkt_request *request = mkt_requests_add(&table);
  assert_non_null(request);
  mkt_request_set_route(request, NULL, MOST_BODY);
  return request;
}

static mkt_code add_body(mkt_request *request, size_t n) {
  char *bytes = calloc(1, n);
  assert_non_null(bytes);
  mkt_code code = mkt_requests_add_body(&table, request, bytes, n);
  free(bytes);
  return code;
}

static void expect_text(mkt_text text, const char *expected) {
  assert_int_equal(text.n, strlen(expected));
  assert_memory_equal(text.p, expected, text.n);
}

static void each_has_a_handle_of_its_own(void **state) {
  (void)state;
  static mkt_handle handles[MANY];
  mkt_requests other = {0};
  for (size_t i = 0; i < MANY; i++) {
    handles[i] = mkt_request_handle(add());
    assert_true(handles[i] > 0 && handles[i] < (mkt_handle)1 << 52);
    assert_null(mkt_requests_find(&other, handles[i]));
  }
  for (size_t i = 0; i < MANY; i++) {
    const mkt_request *found = mkt_requests_find(&table, handles[i]);
    assert_non_null(found);
    assert_int_equal(mkt_request_handle(found), handles[i]);
  }
  mkt_request *of_other = mkt_requests_add(&other);
  assert_non_null(of_other);
  assert_null(mkt_requests_find(&table, mkt_request_handle(of_other)));
  mkt_requests_free(&other);
}

static void no_handle_names_what_is_not_there(void **state) {
  (void)state;
  mkt_request *first = add();
  assert_null(mkt_requests_find(&table, 0));
  assert_null(mkt_requests_find(&table, mkt_request_handle(first) + 1));
  mkt_handle handle = mkt_request_handle(first);
  mkt_requests_remove(&table, first);
  assert_null(mkt_requests_find(&table, handle));
  assert_null(mkt_requests_find(&table, 0));
  assert_ptr_equal(add(), first);
  assert_null(mkt_requests_find(&table, handle));
  assert_ptr_equal(mkt_requests_find(&table, mkt_request_handle(first)), first);
}

static void those_removed_are_used_again(void **state) {
  (void)state;
  mkt_request *first = add(), *second = add(), *third = add();
  first->taken = second->taken = true;
  mkt_requests_remove(&table, first);
  mkt_requests_remove(&table, second);
  assert_false(first->taken);
  assert_ptr_equal(add(), second);
  assert_ptr_equal(add(), first);
  assert_int_equal(table.count, 3);
  assert_ptr_equal(mkt_requests_find(&table, mkt_request_handle(third)), third);
  assert_null(mkt_request_next(first));
}

static void bodies_count_until_they_are_gone(void **state) {
  (void)state;
  mkt_request *first = add(), *second = add();
  assert_int_equal(add_body(first, 1000), MKT_OK);
  assert_int_equal(add_body(second, 1), MKT_OK);
  assert_int_equal(add_body(first, MOST_BODY - 1000), MKT_OK);
  assert_int_equal(add_body(first, 1), MKT_ERR_TOO_LARGE);
  assert_int_equal(table.buffered, MOST_BODY + 1);
  assert_int_equal(mkt_request_body(first).n, MOST_BODY);
  mkt_request_drop_body(first);
  assert_int_equal(table.buffered, MOST_BODY + 1);
  mkt_requests_discard_body(&table, first);
  assert_int_equal(table.buffered, 1);
  mkt_requests_remove(&table, first);
  assert_int_equal(table.buffered, 1);
  mkt_requests_remove(&table, second);
  assert_int_equal(table.buffered, 0);
}

static void small_texts_and_bodies_keep_their_memory(void **state) {
  (void)state;
  mkt_request *request = add();
  char name[4000];
  memset(name, 'x', sizeof name);
  assert_int_equal(add_body(request, 4096), MKT_OK);
  assert_true(mkt_request_add_header(request, name, sizeof name, "", 0));
  mkt_requests_remove(&table, request);
  assert_int_equal(request->body.capacity, 4096);
  assert_int_equal(request->body.n, 0);
  assert_int_equal(request->text.capacity, 4096);
  assert_int_equal(request->text.n, 0);
  assert_ptr_equal(add(), request);
  assert_int_equal(request->body.capacity, 4096);
  assert_int_equal(add_body(request, 4097), MKT_OK);
  assert_true(mkt_request_add_header(request, name, sizeof name, name, 100));
  mkt_requests_remove(&table, request);
  assert_int_equal(request->body.capacity, 0);
  assert_int_equal(request->text.capacity, 0);
}

static void a_body_that_is_empty_or_faulty_is_told_apart(void **state) {
  (void)state;
  mkt_request *request = add();
  assert_non_null(mkt_request_body(request).p);
  assert_int_equal(mkt_request_body(request).n, 0);
  assert_int_equal(add_body(request, 1), MKT_OK);
  assert_int_equal(mkt_request_body(request).n, 1);
  request->fault = MKT_FAULT_TIMEOUT;
  assert_null(mkt_request_body(request).p);
  assert_int_equal(mkt_request_body(request).n, 0);
}

static void the_request_line_is_taken_apart(void **state) {
  (void)state;
  static const struct {
    const char *uri, *path, *query;
  } cases[] = {
      {"/", "/", NULL},
      {"/a%20b", "/a%20b", NULL},
      {"/a?", "/a", ""},
      {"/a?b?c", "/a", "b?c"},
      {"*", "*", NULL},
      {"http://host/a?b", "/a", "b"},
      {"HTTPS://host:1/a", "/a", NULL},
      {"http://host", "/", NULL},
      {"https://host?b", "/", "b"},
      {"http:/a", "http:/a", NULL},
      {"https:/a", "https:/a", NULL},
      {"/http://host/a", "/http://host/a", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mkt_request *request = add();
    assert_true(mkt_request_set_line(request, cases[i].uri, "192.0.2.1"));
    assert_true(mkt_request_set_method(request, "POST"));
    expect_text(mkt_request_path(request), cases[i].path);
    mkt_text query = mkt_request_query(request);
    assert_int_equal(query.p == NULL, cases[i].query == NULL);
    if (query.p != NULL) expect_text(query, cases[i].query);
    expect_text(mkt_request_remote(request), "192.0.2.1");
    expect_text(mkt_request_method(request), "POST");
    mkt_requests_remove(&table, request);
  }
}

static void headers_are_walked_through(void **state) {
  (void)state;
  mkt_request *request = add();
  mkt_text name, value;
  size_t cursor = 0;
  assert_false(mkt_request_header(request, &cursor, &name, &value));
  assert_true(mkt_request_set_line(request, "/", "192.0.2.1"));
  mkt_request_begin_headers(request);
  assert_false(mkt_request_header(request, &cursor, &name, &value));
  assert_true(mkt_request_add_header(request, "host", 4, "", 0));
  assert_true(mkt_request_add_header(request, "x", 1, "a\0b", 3));
  assert_true(mkt_request_header(request, &cursor, &name, &value));
  expect_text(name, "host");
  expect_text(value, "");
  assert_true(mkt_request_header(request, &cursor, &name, &value));
  expect_text(name, "x");
  assert_int_equal(value.n, 3);
  assert_memory_equal(value.p, "a\0b", 3);
  assert_false(mkt_request_header(request, &cursor, &name, &value));
}

int main(void) {
#define OF_A_TABLE(test) cmocka_unit_test_teardown(test, empty)
  const struct CMUnitTest tests[] = {
      OF_A_TABLE(each_has_a_handle_of_its_own),
      OF_A_TABLE(no_handle_names_what_is_not_there),
      OF_A_TABLE(those_removed_are_used_again),
      OF_A_TABLE(bodies_count_until_they_are_gone),
      OF_A_TABLE(small_texts_and_bodies_keep_their_memory),
      OF_A_TABLE(a_body_that_is_empty_or_faulty_is_told_apart),
      OF_A_TABLE(the_request_line_is_taken_apart),
      OF_A_TABLE(headers_are_walked_through),
  };
#undef OF_A_TABLE
  return cmocka_run_group_tests(tests, NULL, NULL);
}
