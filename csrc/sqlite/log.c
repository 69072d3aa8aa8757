/* The formats are those of https://sqlite.org/fileformat2.html and
 * https://sqlite.org/walformat.html.
 *
 * A connection that commits writes the first page with a count that is one more. So the file's own
 * first page is one that the log has, if a part of the log was written into the file, or has the
 * count before the log's first. Of files whose commits are not counted, SQLite's change counter
 * tells: it never falls, and rises by one when another connection writes than before.
 */
#include "sqlite/log.h"

#include "core/clock.h"
#include "sqlite/failure.h"
#include "sqlite/transaction.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
  PAGE_HEADER_BYTES = MKT_SQLITE_HEADER_BYTES,
  LOG_HEADER_BYTES = 32,
  FRAME_HEADER_BYTES = 24,
  INDEX_BYTES = 32768, /* of the part of the -shm that has its header */
  INDEX_WORDS = 12,    /* of the header, which is there twice */
  INDEX_FRAMES = 4,    /* where in it, in words: how many frames are committed */
  INDEX_CHECKSUM = 6,  /* two words: of the log to the last of those frames */
  INDEX_SALT = 8,      /* two words, as the log's header and each frame have them */
  INDEX_WRITTEN = 24,  /* after both headers: how many of the frames are in the database, too */
  LOG_SALT = 16,       /* where they are there, in bytes */
  FRAME_SALT = 8,
  FRAME_CHECKSUM = 16,
  SALT_BYTES = 8,
  MOST_LOOKS = 1000, /* at a header that others are writing */
  COUNT_SHIFT = 8,
  MOST_COUNT = 0xffffff,
};

/* The first bytes of the database's first page. */
typedef struct page_header {
  unsigned char bytes[PAGE_HEADER_BYTES];
} page_header;

typedef struct log_state {
  unsigned char header[LOG_HEADER_BYTES];
  uint32_t index[INDEX_WORDS];
  uint32_t frames; /* that are committed; 0 if it has not all of them */
  bool is_cut;     /* it lacks some that are nowhere else */
  bool is_over;    /* it lacks some, all of which are in the database */
  bool is_ahead;   /* it has some that are not in the database */
} log_state;

typedef struct first_pages {
  bool any, has_same; /* one that is as the database's */
  page_header oldest, newest;
} first_pages;

static uint32_t big_endian(const unsigned char *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t change_counter(const page_header *page) {
  return big_endian(page->bytes + 24);
}

static uint32_t schema_cookie(const page_header *page) {
  return big_endian(page->bytes + 40);
}

static uint32_t count_of(const page_header *page) {
  return big_endian(page->bytes + 60) >> COUNT_SHIFT;
}

static uint32_t count_after(uint32_t count) {
  uint32_t next = (count + 1) & MOST_COUNT;
  return next != 0 ? next : 1;
}

uint32_t mkt_sqlite_count(uint32_t version) {
  uint32_t own = version & ((1U << COUNT_SHIFT) - 1), count = version >> COUNT_SHIFT;
  if (count == 0) sqlite3_randomness(sizeof count, &count);
  return count_after(count) << COUNT_SHIFT | own;
}

static int read_at(sqlite3_file *file, void *p, int n, sqlite3_int64 offset) {
  return file->pMethods->xRead(file, p, n, offset);
}

/* The -shm, whose header SQLite has made from what is whole in the log; NULL if there is none. */
static const uint32_t volatile *map_index(sqlite3_file *main) {
  void volatile *index = NULL;
  if (main->pMethods->iVersion < 2) return NULL;
  if (main->pMethods->xShmMap(main, 0, INDEX_BYTES, 0, &index) != SQLITE_OK) return NULL;
  return index;
}

/* Others write the second header before the first. */
static bool copy_index(sqlite3_file *main, const uint32_t volatile *index, log_state *state) {
  for (int i = 0; i < INDEX_WORDS; i++)
    state->index[i] = index[i];
  main->pMethods->xShmBarrier(main);
  for (int i = 0; i < INDEX_WORDS; i++) {
    if (index[INDEX_WORDS + i] != state->index[i]) return false;
  }
  return true;
}

static sqlite3_int64 offset_of(const log_state *state, uint32_t frame) {
  sqlite3_int64 page_bytes = big_endian(state->header + 8);
  return LOG_HEADER_BYTES + frame * (FRAME_HEADER_BYTES + page_bytes);
}

/* Each frame has a checksum of the log up to it: only the log that the index is of has the last. */
static int has_last_frame(sqlite3_file *log, const log_state *state, bool *has) {
  unsigned char frame[FRAME_HEADER_BYTES];
  const uint32_t *checksum = state->index + INDEX_CHECKSUM, *salt = state->index + INDEX_SALT;
  *has = false;
  if (memcmp(state->header + LOG_SALT, salt, SALT_BYTES) != 0) return SQLITE_OK;
  int result = read_at(log, frame, sizeof frame, offset_of(state, state->index[INDEX_FRAMES] - 1));
  if (result == SQLITE_IOERR_SHORT_READ) return SQLITE_OK;
  *has = memcmp(frame + FRAME_SALT, salt, SALT_BYTES) == 0 &&
         big_endian(frame + FRAME_CHECKSUM) == checksum[0] &&
         big_endian(frame + FRAME_CHECKSUM + 4) == checksum[1];
  return result;
}

static int read_state(sqlite3_file *main, sqlite3_file *log, log_state *state) {
  *state = (log_state){0};
  int result = read_at(log, state->header, LOG_HEADER_BYTES, 0);
  if (result != SQLITE_OK && result != SQLITE_IOERR_SHORT_READ) return result;
  const uint32_t volatile *index = map_index(main);
  if (index == NULL) return SQLITE_OK;
  for (int i = 0; i < MOST_LOOKS; i++) {
    if (copy_index(main, index, state)) break;
  }
  uint32_t frames = state->index[INDEX_FRAMES];
  if (frames == 0) return SQLITE_OK;
  bool has, is_written = index[INDEX_WRITTEN] >= frames;
  result = has_last_frame(log, state, &has);
  if (has) state->frames = frames;
  state->is_ahead = has && !is_written;
  state->is_cut = !has && !is_written;
  state->is_over = !has && is_written;
  return result;
}

static void note(first_pages *pages, const page_header *database, const page_header *page) {
  if (!pages->any) pages->oldest = *page;
  pages->newest = *page;
  pages->any = true;
  if (memcmp(page, database, sizeof *page) == 0) pages->has_same = true;
}

static int find_first_pages(sqlite3_file *log, const log_state *state, const page_header *database,
                            first_pages *pages) {
  for (uint32_t i = 0; i < state->frames; i++) {
    sqlite3_int64 offset = offset_of(state, i);
    unsigned char frame[FRAME_HEADER_BYTES];
    page_header page;
    int result = read_at(log, frame, sizeof frame, offset);
    bool is_first = result == SQLITE_OK && big_endian(frame) == 1;
    if (is_first) result = read_at(log, &page, sizeof page, offset + FRAME_HEADER_BYTES);
    if (result != SQLITE_OK) return result;
    if (is_first) note(pages, database, &page);
  }
  return SQLITE_OK;
}

/* A copy that was vacuumed, so that its pages are elsewhere, has a later one. */
static bool has_later_schema(const page_header *database, const page_header *page) {
  return (int32_t)(schema_cookie(database) - schema_cookie(page)) > 0;
}

static bool has_counter_between(const page_header *database, const first_pages *pages) {
  uint32_t before = change_counter(&pages->oldest) - 1;
  bool is_between = change_counter(database) - before <= change_counter(&pages->newest) - before;
  return is_between && !has_later_schema(database, &pages->newest);
}

/* Other programs' commits are not counted. */
static bool comes_before(const page_header *database, const page_header *oldest) {
  uint32_t count = count_of(oldest);
  bool is_next = count == count_of(database) || count == count_after(count_of(database));
  return is_next && change_counter(oldest) - change_counter(database) <= 1 &&
         !has_later_schema(database, oldest);
}

static bool belongs(const page_header *database, const first_pages *pages) {
  if (!pages->any || pages->has_same) return true;
  bool is_counted = count_of(database) != 0 && count_of(&pages->oldest) != 0;
  return is_counted ? comes_before(database, &pages->oldest) : has_counter_between(database, pages);
}

typedef enum log_verdict { BELONGS, IS_FOREIGN, IS_CUT, HAS_CHANGED } log_verdict;

static log_verdict verdict_on(const log_state *log, int found, const page_header *database,
                              const first_pages *pages) {
  if (log->is_cut) return IS_CUT;
  return found == SQLITE_OK && belongs(database, pages) ? BELONGS : IS_FOREIGN;
}

/* As the files are now, of which another process may begin the log anew meanwhile. */
static int judge(sqlite3_file *main, sqlite3_file *log, log_verdict *verdict) {
  page_header database;
  log_state before = {0}, after = {0};
  first_pages pages = {0};
  int result = read_at(main, &database, sizeof database, 0);
  if (result == SQLITE_OK) result = read_state(main, log, &before);
  if (result != SQLITE_OK) return result;
  int found = find_first_pages(log, &before, &database, &pages);
  *verdict = verdict_on(&before, found, &database, &pages);
  result = read_state(main, log, &after);
  bool has_changed = memcmp(before.header, after.header, sizeof after.header) != 0 ||
                     memcmp(before.index, after.index, sizeof after.index) != 0 ||
                     before.is_cut != after.is_cut;
  if (has_changed && *verdict != BELONGS) *verdict = HAS_CHANGED;
  return result != SQLITE_OK || has_changed ? result : found;
}

static mkt_code refuse(const mkt_sqlite *database, mkt_error *error) {
  return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                  "cannot open %s: the -wal beside it is of another copy of the file: put that "
                  "copy back, move the -wal away, or use `marketplace inbox restore` with a backup",
                  database->name);
}

static mkt_code refuse_cut(const mkt_sqlite *database, mkt_error *error) {
  return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                  "%s was cut short while it was open: what only it held may be lost",
                  database->name);
}

static mkt_code refuse_cut_log(const mkt_sqlite *database, mkt_error *error) {
  return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                  "%s-wal was cut short or removed while it was open: what it held is lost, unless "
                  "a process that still has it uses the inbox again, or ends",
                  database->name);
}

static sqlite3_file *file_of(const mkt_sqlite *database, int which) {
  sqlite3_file *file = NULL;
  (void)sqlite3_file_control(database->db, "main", which, &file);
  return file != NULL && file->pMethods != NULL ? file : NULL;
}

mkt_code mkt_sqlite_check_log(const mkt_sqlite *database, mkt_error *error) {
  sqlite3_file *main = file_of(database, SQLITE_FCNTL_FILE_POINTER);
  sqlite3_file *log = file_of(database, SQLITE_FCNTL_JOURNAL_POINTER);
  if (main == NULL || log == NULL) return MKT_OK;
  for (;;) {
    log_verdict verdict;
    int result = judge(main, log, &verdict);
    if (result != SQLITE_OK) return mkt_sqlite_fail(database, result, "open", error);
    if (verdict == BELONGS) return MKT_OK;
    if (verdict == IS_FOREIGN) return refuse(database, error);
    if (verdict == IS_CUT) return refuse_cut_log(database, error);
    mkt_code code = mkt_sqlite_check(database, "open", error);
    if (code != MKT_OK) return code;
  }
}

static bool is_as_seen(const mkt_sqlite_seen *seen, const page_header *page) {
  return !seen->is_known || memcmp(seen->header, page->bytes, PAGE_HEADER_BYTES) == 0;
}

/* What checkpoints write there is counted, no older than what was there, and no newer than this. */
static bool is_out_of_order(const mkt_sqlite_seen *seen, const page_header *page, uint32_t newest) {
  uint32_t count = count_of(page);
  if (count == 0) return true;
  if (seen->oldest == 0 || newest == 0) return false;
  return ((count - seen->oldest) & MOST_COUNT) > ((newest - seen->oldest) & MOST_COUNT);
}

/* A file into which nothing was written yet counts none: the log has them all. */
static void note_page(mkt_sqlite_seen *seen, const page_header *page, uint32_t newest) {
  uint32_t count = count_of(page);
  seen->is_known = true;
  memcpy(seen->header, page->bytes, PAGE_HEADER_BYTES);
  if (count != 0 || seen->oldest == 0) seen->oldest = count != 0 ? count : newest;
}

mkt_code mkt_sqlite_check_contents(mkt_sqlite *database, uint32_t user_version, bool *is_over,
                                   mkt_error *error) {
  sqlite3_file *main = file_of(database, SQLITE_FCNTL_FILE_POINTER);
  sqlite3_file *log = file_of(database, SQLITE_FCNTL_JOURNAL_POINTER);
  *is_over = false;
  if (main == NULL || log == NULL) return MKT_OK;
  page_header page;
  log_state state;
  int result = read_at(main, &page, sizeof page, 0);
  if (result == SQLITE_IOERR_SHORT_READ) return refuse_cut(database, error);
  if (result == SQLITE_OK) result = read_state(main, log, &state);
  if (result != SQLITE_OK) return mkt_sqlite_fail(database, result, "read", error);
  if (state.is_cut) return refuse_cut_log(database, error);
  uint32_t newest = user_version >> COUNT_SHIFT;
  bool is_as_before = is_as_seen(&database->seen, &page);
  if (!is_as_before && (is_out_of_order(&database->seen, &page, newest) ||
                        mkt_sqlite_check_log(database, NULL) != MKT_OK)) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "%s was overwritten while it was open",
                    database->name);
  }
  note_page(&database->seen, &page, newest);
  *is_over = state.is_over;
  return MKT_OK;
}

const void volatile *mkt_sqlite_index(const mkt_sqlite *database) {
  sqlite3_file *main = file_of(database, SQLITE_FCNTL_FILE_POINTER);
  return main != NULL ? map_index(main) : NULL;
}

bool mkt_sqlite_log_is_ahead(const mkt_sqlite *database) {
  sqlite3_file *main = file_of(database, SQLITE_FCNTL_FILE_POINTER);
  sqlite3_file *log = file_of(database, SQLITE_FCNTL_JOURNAL_POINTER);
  log_state state;
  if (main == NULL || log == NULL) return false;
  return read_state(main, log, &state) == SQLITE_OK && state.is_ahead;
}

/* SQLite would go on behind the frames that are counted, in a file that has nothing before. Empty,
 * it has nothing that could be taken for frames of the former one if others write to that yet. */
mkt_code mkt_sqlite_begin_log(mkt_sqlite *database, mkt_error *error) {
  sqlite3_file *log = file_of(database, SQLITE_FCNTL_JOURNAL_POINTER);
  int result = log->pMethods->xTruncate(log, 0);
  mkt_sqlite_rollback(database);
  if (result == SQLITE_OK) {
    result =
        sqlite3_wal_checkpoint_v2(database->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  }
  if (result == SQLITE_OK) return MKT_OK;
  if (result != SQLITE_BUSY || mkt_sqlite_check_time(database, "write to", NULL) != MKT_OK) {
    return mkt_sqlite_fail(database, result, "write to", error);
  }
  mkt_sqlite_pause(); /* who writes the log into the file is not waited for */
  return MKT_OK;
}

/* The log is looked at first: who makes a database makes the log last. */
mkt_code mkt_sqlite_check_lone_log(const mkt_sqlite *database, mkt_error *error) {
  char path[PATH_MAX];
  struct stat found;
  int n = snprintf(path, sizeof path, "%s-wal", database->path);
  if (n < 0 || (size_t)n >= sizeof path) return MKT_OK;
  if (stat(path, &found) != 0 || found.st_size == 0) return MKT_OK;
  bool is_there = stat(database->path, &found) == 0;
  if (is_there && (found.st_size > 0 || !S_ISREG(found.st_mode))) return MKT_OK;
  if (!is_there && errno != ENOENT) return MKT_OK;
  return refuse(database, error);
}
