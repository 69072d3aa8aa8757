/* key_problem.h: why a text is no key in PEM: what settings and copying do to one. */
#ifndef MKT_KEY_PROBLEM_H
#define MKT_KEY_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

/* A sentence, with what to do if that is known, of text that OpenSSL could not read; static, and
 * nothing of what the text holds. */
const char *mkt_key_problem(const char *pem, size_t n, bool is_private);

#endif
