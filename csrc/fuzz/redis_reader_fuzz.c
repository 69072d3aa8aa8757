/* What a Redis server answers: the first byte says in how long pieces the rest comes. However it
 * is cut, the answers are the same. */
#include "fuzz.h"
#include "redis/reader.h"

typedef struct outcome {
  size_t answers;
  mkt_code code;
  bool is_empty;
} outcome;

static mkt_code take_answers(mkt_redis_reader *reader, outcome *out) {
  for (;;) {
    struct redisReply *reply;
    mkt_error error;
    mkt_code code = mkt_redis_reader_next(reader, &reply, &error);
    if (code != MKT_OK) {
      mkt_fuzz_check_error(&error);
      MKT_FUZZ_CHECK(reply == NULL);
      return code;
    }
    if (reply == NULL) return MKT_OK;
    out->answers++;
    mkt_redis_free(reply);
  }
}

static outcome read_in_pieces(const uint8_t *data, size_t n, size_t piece) {
  outcome out = {0};
  mkt_redis_reader reader = {0};
  MKT_FUZZ_CHECK(mkt_redis_reader_open(&reader, NULL) == MKT_OK);
  for (size_t i = 0; i < n && out.code == MKT_OK; i += piece) {
    size_t length = n - i < piece ? n - i : piece;
    out.code = mkt_redis_reader_feed(&reader, (const char *)data + i, length, NULL);
    if (out.code == MKT_OK) out.code = take_answers(&reader, &out);
  }
  out.is_empty = mkt_redis_reader_is_empty(&reader);
  mkt_redis_reader_close(&reader);
  return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  if (n == 0) return 0;
  outcome whole = read_in_pieces(data + 1, n - 1, n);
  outcome cut = read_in_pieces(data + 1, n - 1, (size_t)data[0] % 16 + 1);
  MKT_FUZZ_CHECK(whole.answers == cut.answers && whole.code == cut.code);
  MKT_FUZZ_CHECK(whole.code != MKT_OK || whole.is_empty == cut.is_empty);
  return 0;
}
