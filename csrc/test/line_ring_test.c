#include "core/alloc.h"
#include "core/line_ring.h"
#include "test/support.h"

#include <stdbool.h>
#include <string.h>

static bool add(mkt_line_ring *ring, const char *lines) {
  return mkt_line_ring_add(ring, lines, strlen(lines));
}

static void holds_whole_lines_wherever_they_wrap(void **state) {
  (void)state;
  for (size_t first = 0; first < 16; first++) {
    mkt_line_ring ring;
    assert_true(mkt_line_ring_init(&ring, 16));
    ring.first = first;
    assert_true(add(&ring, "one\n"));
    assert_true(add(&ring, "three\nfo\n"));
    assert_false(add(&ring, "more\n"));
    assert_int_equal(ring.used, 13);
    assert_true(add(&ring, "x\n"));
    const char *expected = "one\nthree\nfo\nx\n";
    for (size_t i = 0; i < ring.used; i++)
      assert_int_equal(mkt_line_ring_at(&ring, i), expected[i]);
    assert_int_equal(mkt_line_ring_count(&ring, 0, 15), 4);
    assert_int_equal(mkt_line_ring_count(&ring, 2, 10), 2);
    mkt_free(ring.bytes);
  }
}

static void gives_as_many_lines_as_fit_or_one(void **state) {
  (void)state;
  mkt_line_ring ring;
  assert_true(mkt_line_ring_init(&ring, 16));
  ring.first = 10;
  assert_int_equal(mkt_line_ring_whole(&ring, 0, 8), 0);
  assert_true(add(&ring, "ab\ncd\nefghi\n"));
  static const size_t whole[] = {3, 3, 3, 3, 3, 3, 6, 6, 6, 6, 6, 6, 12, 12};
  for (size_t most = 0; most < sizeof whole / sizeof whole[0]; most++)
    assert_int_equal(mkt_line_ring_whole(&ring, ring.used, most), whole[most]);
  assert_int_equal(mkt_line_ring_whole(&ring, 8, 8), 6);
  mkt_line_ring_remove(&ring, 6);
  assert_int_equal(mkt_line_ring_whole(&ring, ring.used, 2), 6);
  mkt_free(ring.bytes);
}

static void gives_its_bytes_as_pieces(void **state) {
  (void)state;
  for (size_t first = 0; first < 8; first++) {
    mkt_line_ring ring;
    assert_true(mkt_line_ring_init(&ring, 8));
    ring.first = first;
    assert_true(add(&ring, "abcdefg\n"));
    for (size_t from = 0; from < 8; from++) {
      for (size_t to = from + 1; to <= 8; to++) {
        struct iovec pieces[2];
        char bytes[8];
        size_t n = 0;
        int count = mkt_line_ring_pieces(&ring, from, to, pieces);
        for (int i = 0; i < count; i++) {
          memcpy(bytes + n, pieces[i].iov_base, pieces[i].iov_len);
          n += pieces[i].iov_len;
        }
        assert_int_equal(n, to - from);
        assert_memory_equal(bytes, &"abcdefg\n"[from], n);
      }
    }
    mkt_free(ring.bytes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(holds_whole_lines_wherever_they_wrap),
      cmocka_unit_test(gives_as_many_lines_as_fit_or_one),
      cmocka_unit_test(gives_its_bytes_as_pieces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
