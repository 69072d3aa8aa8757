#include "command_words.h"

#include "alloc.h"

#include <string.h>
#include <unistd.h>

static size_t count(const char *const *list) {
  size_t n = 0;
  while (list[n] != NULL)
    n++;
  return n;
}

static size_t name_bytes(const char *variable) {
  return strcspn(variable, "=");
}

static bool is_hidden_by(const char *variable, const char *pattern) {
  size_t n = strlen(pattern);
  if (n > 0 && pattern[n - 1] == '*') return strncmp(variable, pattern, n - 1) == 0;
  return name_bytes(variable) == n && memcmp(variable, pattern, n) == 0;
}

static bool has_same_name(const char *variable, const char *other) {
  size_t n = name_bytes(variable);
  return name_bytes(other) == n && memcmp(variable, other, n) == 0;
}

static bool is_kept(const char *variable, const mkt_command_options *options) {
  for (const char *const *pattern = options->hidden; *pattern != NULL; pattern++) {
    if (is_hidden_by(variable, *pattern)) return false;
  }
  for (const char *const *added = options->added; *added != NULL; added++) {
    if (has_same_name(variable, *added)) return false;
  }
  return true;
}

/* Appends copies to a list that has room and is NULL beyond its end. */
static bool append(char **list, const char *const *texts) {
  char **end = list + count((const char *const *)list);
  for (; *texts != NULL; texts++, end++) {
    if (!mkt_alloc_copy(end, *texts)) return false;
  }
  return true;
}

static bool copy_arguments(mkt_command_words *words, const mkt_command_options *options) {
  words->arguments = mkt_alloc_zero((count(options->arguments) + 1) * sizeof *words->arguments);
  return words->arguments != NULL && append(words->arguments, options->arguments);
}

static bool copy_environment(mkt_command_words *words, const mkt_command_options *options) {
  static char *none[] = {NULL};
  char **own = environ != NULL ? environ : none;
  size_t room = count((const char *const *)own) + count(options->added) + 1, n = 0;
  words->environment = mkt_alloc_zero(room * sizeof *words->environment);
  if (words->environment == NULL) return false;
  for (; *own != NULL; own++) {
    if (!is_kept(*own, options)) continue;
    if (!mkt_alloc_copy(&words->environment[n++], *own)) return false;
  }
  return append(words->environment, options->added);
}

static bool copy_input(mkt_command_words *words, const mkt_command_options *options) {
  words->input = mkt_alloc(options->input_bytes + 1);
  if (words->input == NULL) return false;
  memcpy(words->input, options->input, options->input_bytes);
  words->input_bytes = options->input_bytes;
  return true;
}

bool mkt_command_words_copy(mkt_command_words *words, const mkt_command_options *options) {
  return copy_arguments(words, options) && copy_environment(words, options) &&
         copy_input(words, options);
}

static void free_list(char **list) {
  for (char **one = list; one != NULL && *one != NULL; one++)
    mkt_free(*one);
  mkt_free(list);
}

void mkt_command_words_free(mkt_command_words *words) {
  free_list(words->arguments);
  free_list(words->environment);
  mkt_free(words->input);
}
