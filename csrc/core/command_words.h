/* command_words.h: what a program is given: its arguments, its environment, its input. */
#ifndef MKT_COMMAND_WORDS_H
#define MKT_COMMAND_WORDS_H

#include "command.h"

/* All owned. */
typedef struct mkt_command_words {
  char **arguments, **environment; /* end with NULL */
  char *input;
  size_t input_bytes;
} mkt_command_words;

/* Copies what the options have, and of this process's environment what they do not hide or replace.
 * *words must be zero. False if memory is short: then free it, too. */
bool mkt_command_words_copy(mkt_command_words *words, const mkt_command_options *options);

void mkt_command_words_free(mkt_command_words *words);

#endif
