#include "packages/archive.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

enum { PIECE = 16384, NAME_SHOWN = 80 };

/* What comes from outside is shown without what a terminal would obey. */
static void to_printable(char shown[NAME_SHOWN + 1], const char *name) {
  size_t n = strnlen(name, NAME_SHOWN);
  for (size_t i = 0; i < n; i++)
    shown[i] = (char)(name[i] > ' ' && name[i] <= '~' ? name[i] : '?');
  shown[n] = '\0';
}

static mkt_code fail(mkt_error *error, const char *problem) {
  return mkt_fail(error, MKT_ERR_ARCHIVE_INVALID, "the archive cannot be read: %s", problem);
}

static mkt_code fail_with(mkt_error *error, zip_error_t *why) {
  bool is_memory = zip_error_code_zip(why) == ZIP_ER_MEMORY;
  return is_memory ? mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL)
                   : fail(error, zip_error_strerror(why));
}

static mkt_code fail_entry(mkt_error *error, const char *name, const char *problem) {
  char shown[NAME_SHOWN + 1];
  to_printable(shown, name);
  return mkt_fail(error, MKT_ERR_ARCHIVE_INVALID, "the archive's entry %s %s", shown, problem);
}

static mkt_package_entry *find(mkt_package_entry *entries, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(entries[i].name, name) == 0) return &entries[i];
  }
  return NULL;
}

static bool is_plain_file(zip_t *archive, zip_uint64_t index) {
  enum { UNIX_MODE_SHIFT = 16, DOS_FOLDER = 0x10 };
  zip_uint32_t attributes = 0;
  if (zip_file_get_external_attributes(archive, index, ZIP_FL_UNCHANGED, NULL, &attributes) != 0) {
    return false;
  }
  mode_t type = (mode_t)(attributes >> UNIX_MODE_SHIFT) & S_IFMT;
  return (attributes & DOS_FOLDER) == 0 && (type == 0 || type == S_IFREG);
}

static mkt_code check(zip_t *archive, const zip_stat_t *about, const mkt_package_entry *entry,
                      mkt_error *error) {
  const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((about->valid & needed) != needed) {
    return fail_entry(error, about->name, "is not described");
  }
  if (about->encryption_method != ZIP_EM_NONE) {
    return fail_entry(error, about->name, "is encrypted");
  }
  if (about->comp_method != ZIP_CM_STORE && about->comp_method != ZIP_CM_DEFLATE) {
    return fail_entry(error, about->name, "is compressed in a way that zip files seldom are");
  }
  if (about->size == 0) return fail_entry(error, about->name, "is empty");
  if (about->size > entry->bytes.maximum) return fail_entry(error, about->name, "is too large");
  if (!is_plain_file(archive, about->index)) {
    return fail_entry(error, about->name, "is not a plain file");
  }
  return MKT_OK;
}

/* At the end libzip compares the CRC. */
static mkt_code inflate_entry(zip_file_t *file, const zip_stat_t *about, mkt_package_entry *entry,
                              mkt_error *error) {
  char piece[PIECE];
  zip_int64_t got;
  while ((got = zip_fread(file, piece, sizeof piece)) > 0) {
    mkt_code code = mkt_buffer_append(&entry->bytes, piece, (size_t)got);
    if (code == MKT_ERR_OUT_OF_MEMORY) return mkt_fail(error, code, NULL);
    if (code != MKT_OK) return fail_entry(error, about->name, "is larger than it says");
  }
  if (got < 0) return fail_with(error, zip_file_get_error(file));
  if (entry->bytes.n == about->size) return MKT_OK;
  return fail_entry(error, about->name, "does not have the size that it says");
}

static mkt_code read_entry(zip_t *archive, zip_uint64_t index, mkt_package_entry *entries,
                           size_t count, mkt_error *error) {
  zip_stat_t about;
  if (zip_stat_index(archive, index, ZIP_FL_UNCHANGED | ZIP_FL_ENC_RAW, &about) != 0) {
    return fail_with(error, zip_get_error(archive));
  }
  mkt_package_entry *entry = find(entries, count, about.name);
  if (entry == NULL) return fail_entry(error, about.name, "does not belong there");
  mkt_code code = check(archive, &about, entry, error);
  if (code != MKT_OK) return code;
  if (entry->bytes.p != NULL) return fail_entry(error, about.name, "is there twice");
  zip_file_t *file = zip_fopen_index(archive, index, ZIP_FL_UNCHANGED);
  if (file == NULL) return fail_with(error, zip_get_error(archive));
  code = inflate_entry(file, &about, entry, error);
  (void)zip_fclose(file);
  return code;
}

static mkt_code read_entries(zip_t *archive, mkt_package_entry *entries, size_t count,
                             mkt_error *error) {
  zip_int64_t there = zip_get_num_entries(archive, ZIP_FL_UNCHANGED);
  for (zip_int64_t i = 0; i < there && i <= (zip_int64_t)count; i++) {
    mkt_code code = read_entry(archive, (zip_uint64_t)i, entries, count, error);
    if (code != MKT_OK) return code;
  }
  for (size_t i = 0; i < count; i++) {
    if (entries[i].bytes.p == NULL) return fail_entry(error, entries[i].name, "is missing");
  }
  return MKT_OK;
}

mkt_code mkt_package_archive_read(const char *p, size_t n, mkt_package_entry *entries, size_t count,
                                  mkt_error *error) {
  zip_error_t why;
  zip_error_init(&why);
  zip_source_t *source = zip_source_buffer_create(p, n, 0, &why);
  zip_t *archive = source != NULL ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
  mkt_code code;
  if (archive == NULL) {
    code = fail_with(error, &why);
    zip_source_free(source);
  } else {
    code = read_entries(archive, entries, count, error);
    zip_discard(archive);
  }
  zip_error_fini(&why);
  return code;
}
