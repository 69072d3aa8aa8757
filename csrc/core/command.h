/* command.h: a program that is run beside this process: fed, heard and, if it takes too long,
 * ended.
 *
 * A thread of its own starts the program and waits for it, so that the caller never does, and a
 * program is ended in time and leaves no zombie even while the caller is busy. The program is the
 * leader of a session of its own, so that what it has started can be ended with it. It gets no
 * descriptor beside the standard ones, no signal blocked or ignored, and of the environment what
 * is not kept from it. What it writes, to either stream, is read and dropped, but for the end.
 *
 * A process that waits for any child (waitpid(-1)) or ignores SIGCHLD takes the program's status
 * away; then it counts as UNKNOWN. nginx does. */
#ifndef MKT_COMMAND_H
#define MKT_COMMAND_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct mkt_command mkt_command;

/* Borrowed for the time of the call. The lists end with NULL. */
typedef struct mkt_command_options {
  const char *const *arguments; /* the first is looked for in PATH if it has no slash */
  const char *const *hidden;    /* names of variables, or what they begin with if it ends with * */
  const char *const *added;     /* variables, "NAME=value" */
  const char *input;            /* for the standard input */
  size_t input_bytes;
  double seconds; /* after which it is ended, with SIGTERM and then SIGKILL */
} mkt_command_options;

typedef enum mkt_command_end {
  MKT_COMMAND_RUNS,
  MKT_COMMAND_EXITED,      /* number: the status */
  MKT_COMMAND_KILLED,      /* number: the signal */
  MKT_COMMAND_TIMED_OUT,   /* ended, as it took too long */
  MKT_COMMAND_NOT_STARTED, /* number: errno */
  MKT_COMMAND_UNKNOWN      /* it has ended, and somebody else was told how */
} mkt_command_end;

enum { MKT_COMMAND_OUTPUT_BYTES = 512 };

typedef struct mkt_command_result {
  mkt_command_end end;
  int number;
  size_t output_bytes;
  char output[MKT_COMMAND_OUTPUT_BYTES]; /* the last that it wrote */
} mkt_command_result;

/* Starts it. On success *started is owned by the caller. MKT_ERR_OUT_OF_MEMORY otherwise, and also
 * if no thread can be started. */
mkt_code mkt_command_start(mkt_command **started, const mkt_command_options *options,
                           mkt_error *error);

/* How it is. Never waits. In a forked child it is UNKNOWN. */
mkt_command_result mkt_command_look(mkt_command *command);

/* Ends it if it runs, for which it waits for half a second at most, and frees it. NULL is
 * allowed. */
void mkt_command_close(mkt_command *command);

#endif
