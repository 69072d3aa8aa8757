/* folder.h: a folder of a test's own, and a file in it. */
#ifndef MKT_TEST_FOLDER_H
#define MKT_TEST_FOLDER_H

#include "core/file.h"

/* The folder, a file in it that is not there yet, and a link that is not there yet. */
extern char mkt_folder[29];
extern char mkt_path[128];
extern char mkt_link_path[128];

/* A test's setup and teardown. */
int mkt_make_folder(void **state);
int mkt_remove_folder(void **state);

/* How many names the folder holds: a temporary file that was left behind would be one. */
int mkt_names(void);

mkt_code mkt_put(const char *where, const char *text, mkt_file_how how, mkt_error *error);

/* Fails the test if the file at mkt_path holds anything else. */
void mkt_expect_held(const char *text);

#endif
