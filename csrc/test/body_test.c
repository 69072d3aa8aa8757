#include "core/alloc.h"
#include "server/body.h"
#include "test/support.h"

#include <stdlib.h>
#include <string.h>

static size_t taken; /* bytes of all blocks so far */

static void *counting_resize(void *context, void *block, size_t bytes) {
  (void)context;
  taken += bytes;
  return realloc(block, bytes);
}

static void plain_release(void *context, void *block) {
  (void)context;
  free(block);
}

static int restore_allocator(void **state) {
  (void)state;
  mkt_alloc_use(NULL);
  return 0;
}

static mkt_body *body_of(const char *const *pieces, size_t count) {
  mkt_body *body = mkt_body_open(count);
  assert_non_null(body);
  for (size_t i = 0; i < count; i++)
    assert_true(mkt_body_add(body, pieces[i], strlen(pieces[i])));
  return body;
}

static void is_read_in_order_whatever_the_steps(void **state) {
  (void)state;
  static const char *const pieces[] = {"one", "", "two", "three", "two"};
  for (size_t step = 1; step <= 16; step++) {
    char got[32] = "";
    size_t n = 0, at = 0;
    mkt_body *body = body_of(pieces, 5);
    assert_int_equal(mkt_body_length(body), 14);
    while ((n = mkt_body_read(body, got + at, step)) > 0)
      at += n;
    assert_string_equal(got, "onetwothreetwo");
    assert_int_equal(mkt_body_read_so_far(body), 14);
    mkt_body_close(body);
  }
}

static void copies_a_long_piece_once(void **state) {
  (void)state;
  enum { LONG = 1 << 20, TIMES = 100 };
  static char block[LONG];
  mkt_body *body = mkt_body_open(TIMES);
  taken = 0;
  mkt_alloc_use(&(mkt_allocator){counting_resize, plain_release, NULL});
  for (int i = 0; i < TIMES; i++)
    assert_true(mkt_body_add(body, block, LONG));
  assert_int_equal(taken, LONG);
  assert_int_equal(mkt_body_length(body), (uint64_t)LONG * TIMES);
  mkt_body_close(body);
}

static void copies_another_length_of_the_same_place_anew(void **state) {
  (void)state;
  enum { LONG = 10000 };
  char block[LONG], got[2 * LONG];
  memset(block, 'x', sizeof block);
  mkt_body *body = mkt_body_open(2);
  assert_true(mkt_body_add(body, block, LONG));
  assert_true(mkt_body_add(body, block, LONG - 1));
  assert_int_equal(mkt_body_read(body, got, sizeof got), 2 * LONG - 1);
  mkt_body_close(body);
}

static void keeps_to_its_room(void **state) {
  (void)state;
  mkt_body *body = mkt_body_open(1);
  assert_true(mkt_body_add(body, "a", 1));
  assert_true(mkt_body_add(body, "", 0));
  assert_false(mkt_body_add(body, "b", 1));
  assert_int_equal(mkt_body_length(body), 1);
  mkt_body_close(body);
  assert_null(mkt_body_open((size_t)MKT_BODY_PIECES_MOST + 1));
  mkt_body_close(NULL);
}

static void promises_what_it_is_told(void **state) {
  (void)state;
  static const char *const pieces[] = {"abc"};
  mkt_body *body = body_of(pieces, 1);
  mkt_body_promise(body, 10);
  mkt_body_limit_rate(body, 7);
  assert_int_equal(mkt_body_length(body), 10);
  assert_int_equal(mkt_body_rate(body), 7);
  mkt_body_limit_rate(body, UINT64_MAX);
  assert_int_equal(mkt_body_rate(body), 0);
  mkt_body_close(body);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_read_in_order_whatever_the_steps),
      cmocka_unit_test_teardown(copies_a_long_piece_once, restore_allocator),
      cmocka_unit_test(copies_another_length_of_the_same_place_anew),
      cmocka_unit_test(keeps_to_its_room),
      cmocka_unit_test(promises_what_it_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
