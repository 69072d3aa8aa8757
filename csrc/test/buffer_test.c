#include "core/alloc.h"
#include "core/buffer.h"
#include "test/support.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* An allocator that fails from its Nth call on and counts what is not yet released. */
typedef struct meter {
  int calls_left;
  int live;
} meter;

static void *metered_resize(void *context, void *block, size_t bytes) {
  meter *m = context;
  if (m->calls_left-- <= 0) return NULL;
  void *resized = realloc(block, bytes);
  if (block == NULL && resized != NULL) m->live++;
  return resized;
}

static void metered_release(void *context, void *block) {
  meter *m = context;
  if (block != NULL) m->live--;
  free(block);
}

static void use_meter(meter *m) {
  mkt_alloc_use(&(mkt_allocator){metered_resize, metered_release, m});
}

static int restore_allocator(void **state) {
  (void)state;
  mkt_alloc_use(NULL);
  return 0;
}

static void holds_what_is_appended(void **state) {
  (void)state;
  mkt_buffer buffer;
  mkt_buffer_init(&buffer, 100000);
  char expected[3000];
  for (size_t i = 0; i < sizeof expected; i++) {
    expected[i] = (char)(i * 7);
    assert_int_equal(mkt_buffer_append(&buffer, &expected[i], 1), MKT_OK);
  }
  assert_int_equal(buffer.n, sizeof expected);
  assert_memory_equal(buffer.p, expected, sizeof expected);
  mkt_buffer_clear(&buffer);
  assert_null(buffer.p);
  assert_int_equal(buffer.n, 0);
  assert_int_equal(mkt_buffer_append(&buffer, "again", 5), MKT_OK);
  mkt_buffer_clear(&buffer);
}

static void nothing_past_the_maximum(void **state) {
  (void)state;
  static const size_t maxima[] = {0, 1, 1023, 1024, 1025, 1500, 4096};
  static const char zeros[8192];
  for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
    mkt_buffer buffer;
    mkt_buffer_init(&buffer, maxima[i]);
    assert_int_equal(mkt_buffer_append(&buffer, zeros, maxima[i]), MKT_OK);
    assert_int_equal(mkt_buffer_append(&buffer, zeros, 1), MKT_ERR_TOO_LARGE);
    assert_int_equal(mkt_buffer_append(&buffer, zeros, SIZE_MAX), MKT_ERR_TOO_LARGE);
    assert_int_equal(mkt_buffer_append(&buffer, NULL, 0), MKT_OK);
    assert_int_equal(buffer.n, maxima[i]);
    assert_true(buffer.capacity <= maxima[i]);
    mkt_buffer_clear(&buffer);
  }
}

static void unchanged_when_memory_is_short(void **state) {
  (void)state;
  static const char chunk[600] = "chunk";
  for (int allowed = 0; allowed < 4; allowed++) {
    meter m = {.calls_left = allowed};
    use_meter(&m);
    mkt_buffer buffer;
    mkt_buffer_init(&buffer, 1000000);
    size_t held = 0;
    mkt_code code;
    while ((code = mkt_buffer_append(&buffer, chunk, sizeof chunk)) == MKT_OK)
      held += sizeof chunk;
    assert_int_equal(code, MKT_ERR_OUT_OF_MEMORY);
    assert_int_equal(buffer.n, held);
    for (size_t i = 0; i < held; i += sizeof chunk)
      assert_memory_equal(buffer.p + i, chunk, sizeof chunk);
    mkt_buffer_clear(&buffer);
    assert_int_equal(m.live, 0);
  }
}

static void allocation_of_nothing_is_a_block(void **state) {
  (void)state;
  meter m = {.calls_left = 2};
  use_meter(&m);
  void *block = mkt_alloc(0);
  assert_non_null(block);
  mkt_free(block);
  unsigned char *zeros = mkt_alloc_zero(3);
  assert_non_null(zeros);
  assert_true(zeros[0] == 0 && zeros[1] == 0 && zeros[2] == 0);
  mkt_free(zeros);
  assert_null(mkt_alloc_zero(3));
  mkt_free(NULL);
  assert_int_equal(m.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(holds_what_is_appended),
      cmocka_unit_test(nothing_past_the_maximum),
      cmocka_unit_test_teardown(unchanged_when_memory_is_short, restore_allocator),
      cmocka_unit_test_teardown(allocation_of_nothing_is_a_block, restore_allocator),
  };
  return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
