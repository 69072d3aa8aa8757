#include "packages/sink.h"

#include "core/alloc.h"
#include "core/thread.h"
#include "packages/part.h"

#include <string.h>
#include <unistd.h>

/* What is written and hashed at once: little enough to stay in the processor's cache in between. */
enum { BLOCK = 262144 };

_Static_assert(MKT_PACKAGE_RING >= 2 * BLOCK && MKT_PACKAGE_RING >= 2 * MKT_HTTP_SINK_PIECE,
               "a ring that is half empty has a block for the thread, or room for a piece");

struct mkt_package_sink {
  pid_t pid;
  char *path;
  pthread_t thread;
  bool has_thread;

  /* of the thread while it is busy, else of whoever has the lock */
  mkt_package_part part;
  mkt_package_digests digests; /* its `at` is how much the thread has done */
  uint64_t to_check;           /* bytes that an earlier run has left */
  size_t to_store;             /* bytes of the ring */
  mkt_package_found found;     /* once it is complete */

  pthread_mutex_t lock; /* for all of the following */
  pthread_cond_t work;  /* for the thread */
  pthread_cond_t done;  /* by the thread */
  unsigned char *ring;
  size_t first, used; /* bytes of it */
  uint64_t taken;     /* bytes of the file, with what was there */
  bool is_checking, is_busy, is_complete, is_held, is_closing, has_failed;
  bool is_waited_for; /* bytes were refused for want of room */
  void (*wake)(void *of);
  void *wake_of;
  mkt_error failure;
};

/* ---- What the thread does, one thing at a time and without the lock ---- */

typedef mkt_code (*job)(mkt_package_sink *s, mkt_error *error);

static mkt_code check_block(mkt_package_sink *s, mkt_error *error) {
  uint64_t left = s->to_check - s->digests.at;
  size_t n = left < BLOCK ? (size_t)left : BLOCK;
  /* nothing is received meanwhile, so the ring is free */
  ptrdiff_t got = mkt_package_part_read(&s->part, s->digests.at, s->ring, n, error);
  if (got < 0) return MKT_ERR_FILE_FAILED;
  mkt_code code = mkt_package_digests_add(&s->digests, s->ring, (size_t)got, error);
  bool is_corrupt = code == MKT_ERR_ASSET_CORRUPT;
  if (is_corrupt) code = mkt_package_digests_rewind(&s->digests, error);
  if (is_corrupt || (size_t)got < n) s->to_check = s->digests.at;
  if (code != MKT_OK || s->digests.at < s->to_check) return code;
  return mkt_package_part_cut(&s->part, s->digests.at, error);
}

static mkt_code store_block(mkt_package_sink *s, mkt_error *error) {
  const unsigned char *p = s->ring + s->first;
  mkt_code code = mkt_package_part_write(&s->part, s->digests.at, p, s->to_store, error);
  return code == MKT_OK ? mkt_package_digests_add(&s->digests, p, s->to_store, error) : code;
}

static mkt_code complete(mkt_package_sink *s, mkt_error *error) {
  mkt_code code = mkt_package_part_sync(&s->part, error);
  return code == MKT_OK ? mkt_package_digests_end(&s->digests, &s->found, error) : code;
}

/* ---- The thread ---- */

/* Contiguous ones. */
static size_t bytes_to_store(const mkt_package_sink *s) {
  size_t n = s->used < BLOCK ? s->used : BLOCK;
  return n < MKT_PACKAGE_RING - s->first ? n : MKT_PACKAGE_RING - s->first;
}

static job next_job(const mkt_package_sink *s) {
  bool is_all_there = s->taken == s->digests.wanted.size;
  if (s->has_failed || s->is_held) return NULL;
  if (s->is_checking) return s->is_closing ? NULL : check_block;
  if (s->used >= BLOCK || (s->used > 0 && (is_all_there || s->is_closing))) return store_block;
  return is_all_there && !s->is_complete && !s->is_closing ? complete : NULL;
}

static void wake_if_there_is_room(mkt_package_sink *s) {
  if (!s->is_waited_for || (s->used > MKT_PACKAGE_RING / 2 && !s->has_failed)) return;
  s->is_waited_for = false;
  if (s->wake != NULL) s->wake(s->wake_of);
}

static void fail(mkt_package_sink *s, const mkt_error *error) {
  s->has_failed = true;
  s->failure = *error;
}

static void note(mkt_package_sink *s, job what, mkt_code code, const mkt_error *error) {
  if (code != MKT_OK) fail(s, error);
  if (what == check_block && s->digests.at == s->to_check) {
    s->is_checking = false;
    s->taken = s->digests.at;
  }
  if (what == store_block) {
    s->first = (s->first + s->to_store) % MKT_PACKAGE_RING;
    s->used -= s->to_store;
    wake_if_there_is_room(s);
  }
  if (what == complete) s->is_complete = code == MKT_OK;
}

static void *run(void *of) {
  mkt_package_sink *s = of;
  (void)pthread_mutex_lock(&s->lock);
  for (;;) {
    mkt_error error;
    job what = next_job(s);
    if (what == NULL && s->is_closing) break;
    if (what == NULL) {
      (void)pthread_cond_wait(&s->work, &s->lock);
      continue;
    }
    s->to_store = bytes_to_store(s);
    s->is_busy = true;
    (void)pthread_mutex_unlock(&s->lock);
    mkt_code code = what(s, &error);
    (void)pthread_mutex_lock(&s->lock);
    s->is_busy = false;
    note(s, what, code, &error);
    (void)pthread_cond_signal(&s->done);
  }
  (void)pthread_mutex_unlock(&s->lock);
  return NULL;
}

/* ---- Opening and closing ---- */

static mkt_code prepare(mkt_package_sink *s, const mkt_package_order *order, mkt_error *error) {
  s->ring = mkt_alloc(MKT_PACKAGE_RING);
  if (s->ring == NULL || !mkt_alloc_copy(&s->path, order->path)) {
    return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  }
  mkt_code code = mkt_package_digests_init(&s->digests, &order->wanted, s->path, error);
  if (code != MKT_OK) return code;
  s->part.path = s->path;
  s->part.size = order->wanted.size;
  code = mkt_package_part_open(&s->part, order->resumes, error);
  if (code != MKT_OK || !order->resumes) return code;
  s->is_checking = true;
  return mkt_package_part_written(&s->part, &s->to_check, error);
}

static mkt_code start(mkt_package_sink *s, mkt_error *error) {
  int problem = mkt_thread_start(&s->thread, run, s);
  s->has_thread = problem == 0;
  if (s->has_thread) return MKT_OK;
  return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, "%.150s: no thread can be started for it: %s",
                  s->path, strerror(problem));
}

mkt_code mkt_package_sink_open(mkt_package_sink **sink, const mkt_package_order *order,
                               mkt_error *error) {
  mkt_package_sink *s = mkt_alloc_zero(sizeof *s);
  *sink = NULL;
  if (s == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  s->pid = getpid();
  s->part.fd = -1;
  (void)pthread_mutex_init(&s->lock, NULL);
  (void)pthread_cond_init(&s->work, NULL);
  (void)pthread_cond_init(&s->done, NULL);
  mkt_code code = prepare(s, order, error);
  if (code == MKT_OK) code = start(s, error);
  if (code == MKT_OK) {
    *sink = s;
  } else {
    mkt_package_sink_close(s);
  }
  return code;
}

static void end_thread(mkt_package_sink *s) {
  if (s->has_thread) {
    (void)pthread_mutex_lock(&s->lock);
    s->is_closing = true;
    (void)pthread_cond_signal(&s->work);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->thread, NULL);
  }
  (void)pthread_cond_destroy(&s->done);
  (void)pthread_cond_destroy(&s->work);
  (void)pthread_mutex_destroy(&s->lock);
}

void mkt_package_sink_close(mkt_package_sink *s) {
  if (s == NULL) return;
  /* a forked child has no such thread: what that had locked stays locked, and what it was changing
   * stays half changed */
  if (mkt_package_sink_is_ours(s)) {
    end_thread(s);
    mkt_package_digests_clear(&s->digests);
  }
  mkt_package_part_close(&s->part);
  mkt_free(s->path);
  mkt_free(s->ring);
  mkt_free(s);
}

bool mkt_package_sink_is_ours(const mkt_package_sink *s) {
  return s->pid == getpid();
}

/* ---- What its owner does ---- */

static bool is_ready(const mkt_package_sink *s) {
  if (s->has_failed) return true;
  return !s->is_checking && (s->is_complete || s->taken < s->digests.wanted.size);
}

static void wait_until_ready(mkt_package_sink *s) {
  while (!is_ready(s))
    (void)pthread_cond_wait(&s->done, &s->lock);
}

static mkt_code outcome(const mkt_package_sink *s, mkt_error *error) {
  if (s->has_failed && error != NULL) *error = s->failure;
  return s->has_failed ? s->failure.code : MKT_OK;
}

bool mkt_package_sink_is_ready(mkt_package_sink *s) {
  (void)pthread_mutex_lock(&s->lock);
  bool ready = is_ready(s);
  (void)pthread_mutex_unlock(&s->lock);
  return ready;
}

mkt_code mkt_package_sink_offset(mkt_package_sink *s, uint64_t *offset, mkt_error *error) {
  (void)pthread_mutex_lock(&s->lock);
  wait_until_ready(s);
  *offset = s->taken;
  mkt_code code = outcome(s, error);
  (void)pthread_mutex_unlock(&s->lock);
  return code;
}

uint64_t mkt_package_sink_written(mkt_package_sink *s) {
  (void)pthread_mutex_lock(&s->lock);
  uint64_t taken = s->taken;
  (void)pthread_mutex_unlock(&s->lock);
  return taken;
}

static mkt_code restart(mkt_package_sink *s, mkt_error *error) {
  s->is_held = true;
  while (s->is_busy)
    (void)pthread_cond_wait(&s->done, &s->lock);
  s->first = s->used = 0;
  s->taken = 0;
  s->is_checking = s->is_complete = s->has_failed = s->is_held = false;
  wake_if_there_is_room(s);
  mkt_code code = mkt_package_digests_reset(&s->digests, error);
  if (code == MKT_OK) code = mkt_package_part_cut(&s->part, 0, error);
  if (code != MKT_OK) fail(s, error);
  (void)pthread_cond_signal(&s->work);
  return code;
}

mkt_code mkt_package_sink_restart(mkt_package_sink *s, mkt_error *error) {
  (void)pthread_mutex_lock(&s->lock);
  mkt_code code = restart(s, error);
  (void)pthread_mutex_unlock(&s->lock);
  return code;
}

static mkt_code fail_for_size(const mkt_package_sink *s, mkt_error *error) {
  return mkt_fail(error, MKT_ERR_ASSET_SIZE, "%.150s: %llu of %llu bytes are there", s->path,
                  (unsigned long long)s->taken, (unsigned long long)s->digests.wanted.size);
}

mkt_code mkt_package_sink_finish(mkt_package_sink *s, mkt_package_found *found, mkt_error *error) {
  (void)pthread_mutex_lock(&s->lock);
  wait_until_ready(s);
  mkt_code code = outcome(s, error);
  if (code == MKT_OK && !s->is_complete) code = fail_for_size(s, error);
  if (code == MKT_OK) *found = s->found;
  (void)pthread_mutex_unlock(&s->lock);
  return code;
}

/* ---- What an exchange does ---- */

static mkt_code check_length(const mkt_package_sink *s, uint64_t from, uint64_t length,
                             mkt_error *error) {
  uint64_t size = s->digests.wanted.size;
  if (from <= size && (length == MKT_HTTP_SINK_LENGTH_UNKNOWN || length == size - from)) {
    return MKT_OK;
  }
  if (length == MKT_HTTP_SINK_LENGTH_UNKNOWN) {
    return mkt_fail(error, MKT_ERR_ASSET_SIZE,
                    "%.100s: the answer has bytes from byte %llu on, which does not make %llu",
                    s->path, (unsigned long long)from, (unsigned long long)size);
  }
  return mkt_fail(error, MKT_ERR_ASSET_SIZE,
                  "%.100s: the answer has %llu bytes from byte %llu on, which do not make %llu",
                  s->path, (unsigned long long)length, (unsigned long long)from,
                  (unsigned long long)size);
}

static mkt_code begin(mkt_package_sink *s, uint64_t from, uint64_t length, mkt_error *error) {
  wait_until_ready(s);
  mkt_code code = outcome(s, error);
  if (code == MKT_OK) code = check_length(s, from, length, error);
  if (code != MKT_OK || from == s->taken) return code;
  if (from == 0) return restart(s, error);
  return mkt_fail(error, MKT_ERR_HTTP_FAILED,
                  "%.100s: the answer begins at byte %llu, not at byte %llu as was asked for",
                  s->path, (unsigned long long)from, (unsigned long long)s->taken);
}

mkt_code mkt_package_sink_begin(mkt_package_sink *s, uint64_t from, uint64_t length,
                                mkt_error *error) {
  (void)pthread_mutex_lock(&s->lock);
  mkt_code code = begin(s, from, length, error);
  (void)pthread_mutex_unlock(&s->lock);
  return code;
}

static void put(mkt_package_sink *s, const char *p, size_t n) {
  size_t at = (s->first + s->used) % MKT_PACKAGE_RING;
  size_t part = n < MKT_PACKAGE_RING - at ? n : MKT_PACKAGE_RING - at;
  memcpy(s->ring + at, p, part);
  memcpy(s->ring, p + part, n - part);
  s->used += n;
  s->taken += n;
}

static mkt_http_sink_taken take(mkt_package_sink *s, const char *p, size_t n, mkt_error *error) {
  if (outcome(s, error) != MKT_OK) return MKT_HTTP_SINK_FAILED;
  if (n > s->digests.wanted.size - s->taken) {
    (void)mkt_fail(error, MKT_ERR_ASSET_SIZE, "%.150s: the answer goes on after %llu bytes",
                   s->path, (unsigned long long)s->digests.wanted.size);
    fail(s, error);
    return MKT_HTTP_SINK_FAILED;
  }
  if (n > MKT_PACKAGE_RING - s->used) {
    s->is_waited_for = true;
    return MKT_HTTP_SINK_FULL;
  }
  put(s, p, n);
  if (next_job(s) != NULL && !s->is_busy) (void)pthread_cond_signal(&s->work);
  return MKT_HTTP_SINK_TAKEN;
}

mkt_http_sink_taken mkt_package_sink_take(mkt_package_sink *s, const char *p, size_t n,
                                          mkt_error *error) {
  (void)pthread_mutex_lock(&s->lock);
  mkt_http_sink_taken taken = take(s, p, n, error);
  (void)pthread_mutex_unlock(&s->lock);
  return taken;
}

bool mkt_package_sink_has_room(mkt_package_sink *s) {
  (void)pthread_mutex_lock(&s->lock);
  bool has_room = !s->is_waited_for || s->has_failed;
  (void)pthread_mutex_unlock(&s->lock);
  return has_room;
}

void mkt_package_sink_wake_by(mkt_package_sink *s, void (*wake)(void *of), void *of) {
  (void)pthread_mutex_lock(&s->lock);
  s->wake = wake;
  s->wake_of = of;
  (void)pthread_mutex_unlock(&s->lock);
}
