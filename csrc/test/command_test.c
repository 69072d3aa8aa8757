#include "core/alloc.h"
#include "core/command.h"
#include "test/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const NONE[] = {NULL};

enum { LARGE = 300000 };

static mkt_command *start_with(const char *const *arguments, const mkt_command_options *more) {
  mkt_command_options options = *more;
  mkt_command *command;
  mkt_error error;
  options.arguments = arguments;
  if (options.hidden == NULL) options.hidden = NONE;
  if (options.added == NULL) options.added = NONE;
  if (options.input == NULL) options.input = "";
  if (options.seconds == 0) options.seconds = 60;
  assert_int_equal(mkt_command_start(&command, &options, &error), MKT_OK);
  return command;
}

static mkt_command *start_shell(const char *words, const mkt_command_options *more) {
  const char *const arguments[] = {"/bin/sh", "-c", words, NULL};
  return start_with(arguments, more);
}

static mkt_command_result wait_for(mkt_command *command) {
  const struct timespec moment = {.tv_nsec = 1000000};
  mkt_command_result result = mkt_command_look(command);
  while (result.end == MKT_COMMAND_RUNS) {
    (void)nanosleep(&moment, NULL);
    result = mkt_command_look(command);
  }
  return result;
}

static void no_child_is_left(void) {
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
}

static mkt_command_result result_of(const char *words, const mkt_command_options *more) {
  mkt_command *command = start_shell(words, more);
  mkt_command_result result = wait_for(command);
  mkt_command_close(command);
  no_child_is_left();
  return result;
}

static void expect(mkt_command_result result, mkt_command_end end, int number, const char *output) {
  assert_int_equal(result.end, end);
  assert_int_equal(result.number, number);
  assert_int_equal(result.output_bytes, strlen(output));
  assert_memory_equal(result.output, output, strlen(output));
}

static const mkt_command_options USUAL;

static void tells_how_it_ended(void **state) {
  (void)state;
  expect(result_of("exit 0", &USUAL), MKT_COMMAND_EXITED, 0, "");
  expect(result_of("echo out; echo err >&2; exit 3", &USUAL), MKT_COMMAND_EXITED, 3, "out\nerr\n");
  expect(result_of("kill -9 $$", &USUAL), MKT_COMMAND_KILLED, SIGKILL, "");
}

/* Memcheck makes a forked process of what posix_spawn begins, which cannot say what failed. */
static void expect_not_started(mkt_command_result result, int number) {
  const char *preloaded = getenv("LD_PRELOAD");
  if (preloaded != NULL && strstr(preloaded, "vgpreload") != NULL) {
    expect(result, MKT_COMMAND_EXITED, 127, "");
  } else {
    expect(result, MKT_COMMAND_NOT_STARTED, number, "");
  }
}

static void says_what_cannot_be_started(void **state) {
  (void)state;
  const char *const missing[] = {"/nowhere/program", NULL}, *const folder[] = {"/", NULL};
  mkt_command *command = start_with(missing, &USUAL);
  expect_not_started(wait_for(command), ENOENT);
  mkt_command_close(command);
  command = start_with(folder, &USUAL);
  expect_not_started(wait_for(command), EACCES);
  mkt_command_close(command);
  no_child_is_left();
}

static void finds_a_program_in_the_path(void **state) {
  (void)state;
  const char *const arguments[] = {"echo", "two words", NULL};
  mkt_command *command = start_with(arguments, &USUAL);
  expect(wait_for(command), MKT_COMMAND_EXITED, 0, "two words\n");
  mkt_command_close(command);
}

static void feeds_it(void **state) {
  (void)state;
  char *large = malloc(LARGE);
  assert_non_null(large);
  memset(large, 'x', LARGE);
  const mkt_command_options with_input = {.input = large, .input_bytes = LARGE};
  expect(result_of("wc -c", &with_input), MKT_COMMAND_EXITED, 0, "300000\n");
  expect(result_of("exit 0", &with_input), MKT_COMMAND_EXITED, 0, "");
  expect(result_of("exec <&-; echo closed", &with_input), MKT_COMMAND_EXITED, 0, "closed\n");
  free(large);
}

static void keeps_the_end_of_what_it_writes(void **state) {
  (void)state;
  mkt_command_result result = result_of("yes | head -c 2000000; echo the end", &USUAL);
  assert_int_equal(result.end, MKT_COMMAND_EXITED);
  assert_int_equal(result.output_bytes, MKT_COMMAND_OUTPUT_BYTES);
  assert_memory_equal(result.output + result.output_bytes - 11, "y\ny\nthe end\n" + 1, 11);
}

static void ends_what_takes_too_long(void **state) {
  (void)state;
  const mkt_command_options short_time = {.seconds = 0.05};
  expect(result_of("echo begun; exec sleep 1000", &short_time), MKT_COMMAND_TIMED_OUT, SIGTERM,
         "begun\n");
  mkt_command_result result = result_of("trap '' TERM; sleep 1000", &short_time);
  assert_int_equal(result.end, MKT_COMMAND_TIMED_OUT);
}

/* The shell's child is of its session, and holds the pipe. */
static void expect_child_ended(const char *words) {
  const mkt_command_options short_time = {.seconds = 0.2};
  mkt_command_result result = result_of(words, &short_time);
  assert_int_equal(result.end, MKT_COMMAND_TIMED_OUT);
  pid_t left = (pid_t)strtol(result.output, NULL, 10);
  assert_true(left > 1);
  /* it may be a zombie of whoever adopts orphans for a moment */
  for (int i = 0; i < 20000 && kill(left, 0) == 0; i++)
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  assert_int_equal(kill(left, 0), -1);
}

static void ends_what_it_has_started(void **state) {
  (void)state;
  expect_child_ended("sleep 1000 & echo $!; wait");
  expect_child_ended("(trap '' TERM; exec sleep 1000) & echo $!; wait");
}

static void does_not_wait_for_what_it_has_left_behind(void **state) {
  (void)state;
  mkt_command_result result = result_of("sleep 1000 & echo $!", &USUAL);
  assert_int_equal(result.end, MKT_COMMAND_EXITED);
  assert_int_equal(kill((pid_t)strtol(result.output, NULL, 10), SIGKILL), 0);
}

static void hands_on_no_descriptor(void **state) {
  (void)state;
  int inherited = open("/dev/null", O_RDONLY);
  assert_true(inherited > STDERR_FILENO);
  expect(result_of("cd /proc/self/fd; echo *", &USUAL), MKT_COMMAND_EXITED, 0, "0 1 2 3\n");
  (void)close(inherited);
}

static void hands_on_no_signal_that_is_blocked_or_ignored(void **state) {
  (void)state;
  sigset_t all, before;
  (void)sigfillset(&all);
  (void)sigprocmask(SIG_SETMASK, &all, &before);
  (void)signal(SIGPIPE, SIG_IGN);
  mkt_command_result result =
      result_of("awk '/^Sig(Blk|Ign)/ { print $2 }' /proc/self/status", &USUAL);
  (void)signal(SIGPIPE, SIG_DFL);
  (void)sigprocmask(SIG_SETMASK, &before, NULL);
  char *rest;
  assert_int_equal(strtoull(result.output, &rest, 16), 0);
  assert_int_equal(strtoull(rest, NULL, 16) & ((1ULL << 31) - 1), 0); /* glibc has two more */
}

static void keeps_variables_from_it(void **state) {
  (void)state;
  static const char *const hidden[] = {"MARKETPLACE_SECRET", "MARKETPLACE_ALERT_*", NULL};
  static const char *const added[] = {"MARKETPLACE_ALERT_NAME=a name", "KEPT=new", NULL};
  const mkt_command_options options = {.hidden = hidden, .added = added};
  (void)setenv("MARKETPLACE_SECRET", "x", 1);
  (void)setenv("MARKETPLACE_SECRET_FILE", "path", 1);
  (void)setenv("MARKETPLACE_ALERT_ABOUT", "another", 1);
  (void)setenv("KEPT", "old", 1);
  expect(result_of("env | grep -E '^(MARKETPLACE_(SECRET|ALERT)|KEPT)' | sort", &options),
         MKT_COMMAND_EXITED, 0,
         "KEPT=new\nMARKETPLACE_ALERT_NAME=a name\nMARKETPLACE_SECRET_FILE=path\n");
}

static void ends_it_when_it_is_closed(void **state) {
  (void)state;
  mkt_command_close(start_shell("sleep 1000", &USUAL));
  mkt_command_close(start_shell("trap '' TERM; sleep 1000", &USUAL));
  no_child_is_left();
  mkt_command_close(NULL);
}

static void cannot_tell_how_it_ended_if_nobody_is_told(void **state) {
  (void)state;
  (void)signal(SIGCHLD, SIG_IGN);
  mkt_command *command = start_shell("exit 1", &USUAL);
  mkt_command_result result = wait_for(command);
  mkt_command_close(command);
  (void)signal(SIGCHLD, SIG_DFL);
  assert_int_equal(result.end, MKT_COMMAND_UNKNOWN);
}

static void is_left_alone_by_a_forked_child(void **state) {
  (void)state;
  mkt_command *command = start_shell("echo one", &USUAL);
  (void)wait_for(command);
  pid_t child = fork();
  if (child == 0) {
    bool is_unknown = mkt_command_look(command).end == MKT_COMMAND_UNKNOWN;
    mkt_command_close(command);
    _exit(is_unknown ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  expect(mkt_command_look(command), MKT_COMMAND_EXITED, 0, "one\n");
  mkt_command_close(command);
}

static int allocations_left;

static void *resize(void *context, void *block, size_t bytes) {
  (void)context;
  return allocations_left-- > 0 ? realloc(block, bytes) : NULL;
}

static void release(void *context, void *block) {
  (void)context;
  free(block);
}

static void says_that_memory_is_short(void **state) {
  (void)state;
  static const char *const arguments[] = {"true", NULL}, *const added[] = {"A=b", NULL};
  const mkt_allocator failing = {resize, release, NULL};
  const mkt_command_options options = {
      .arguments = arguments, .hidden = NONE, .added = added, .input = "", .seconds = 60};
  mkt_command *command = NULL;
  mkt_error error;
  mkt_alloc_use(&failing);
  int room = 0;
  mkt_code code = MKT_ERR_OUT_OF_MEMORY;
  while (code == MKT_ERR_OUT_OF_MEMORY && room < 1000) {
    allocations_left = room++;
    code = mkt_command_start(&command, &options, &error);
  }
  assert_int_equal(code, MKT_OK);
  assert_true(room > 6);
  (void)wait_for(command);
  mkt_command_close(command);
  mkt_alloc_use(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_how_it_ended),
      cmocka_unit_test(says_what_cannot_be_started),
      cmocka_unit_test(finds_a_program_in_the_path),
      cmocka_unit_test(feeds_it),
      cmocka_unit_test(keeps_the_end_of_what_it_writes),
      cmocka_unit_test(ends_what_takes_too_long),
      cmocka_unit_test(ends_what_it_has_started),
      cmocka_unit_test(does_not_wait_for_what_it_has_left_behind),
      cmocka_unit_test(hands_on_no_descriptor),
      cmocka_unit_test(hands_on_no_signal_that_is_blocked_or_ignored),
      cmocka_unit_test(keeps_variables_from_it),
      cmocka_unit_test(ends_it_when_it_is_closed),
      cmocka_unit_test(cannot_tell_how_it_ended_if_nobody_is_told),
      cmocka_unit_test(is_left_alone_by_a_forked_child),
      cmocka_unit_test(says_that_memory_is_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
