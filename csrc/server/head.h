/* head.h: whether a request's head can be read in one way only (RFC 9112, 2.2, 3, 5 and 6.3).
 *
 * A proxy in front that reads a head otherwise than the server behind it can be made to send part
 * of one client's request as the beginning of another's. So a head is refused if it leaves any
 * doubt, also where a lenient reader would know what to make of it.
 */
#ifndef MKT_HEAD_H
#define MKT_HEAD_H

#include "server/server.h"

enum { MKT_FIELD_NAME_MOST = 256 };

/* What a head's fields say about where the request ends. Zero bytes are one without fields. */
typedef struct mkt_head {
  size_t content_lengths, transfer_encodings, hosts;
  uint64_t length;   /* that is declared; more than 64 bits hold counts as UINT64_MAX */
  bool is_malformed; /* a field is */
  bool may_close;    /* the connection, after the answer: its own field says something of that */
} mkt_head;

/* The lower-case form of a field's name. False if it is no name, or longer than the limit. */
bool mkt_head_lower_name(char lowered[MKT_FIELD_NAME_MOST], const char *name, size_t n);

/* A value's length without the white space at its end, which is no part of it. */
size_t mkt_head_trimmed(const char *value, size_t n);

/* Takes notice of a field: its lower-case name, and its trimmed value. */
void mkt_head_add(mkt_head *head, const char *name, size_t name_length, const char *value,
                  size_t value_length);

/* MKT_FAULT_NONE, MKT_FAULT_MALFORMED, or MKT_FAULT_NO_LENGTH: a POST whose end nothing tells. */
mkt_fault mkt_head_judge(const mkt_head *head, const char *method, bool is_http_1_0);

/* Whether this is a token (RFC 9110, 5.6.2), as the names of methods and of fields are. */
bool mkt_head_is_token(const char *p, size_t n);

/* Whether this is a target: a path, an absolute http(s) URI, or the asterisk, without white space,
 * control characters or what is not ASCII. */
bool mkt_head_is_target(const char *target, size_t n);

/* Whether a head, up to and with the empty line, is sound as libmicrohttpd 0.9 leaves it in memory,
 * where it has put a NUL in the place of each space of the request line, each CR and LF, and each
 * field's colon. So this sees what libmicrohttpd takes and tells nobody of: a line feed without CR,
 * a line that continues the one before, a line that begins with a colon or a NUL (to it, the end of
 * the head), a NUL in a value. The target's bytes are not read.
 *
 * One thing looks like CRLF here: a colon or a NUL beside a line feed that has no CR. */
bool mkt_head_is_whole(const char *head, size_t n, size_t target_length);

#endif
