/* json_text.h: what stands between the quotes of a JSON string (RFC 8259, section 7).
 *
 * Internal to the JSON reader.
 */
#ifndef MKT_JSON_TEXT_H
#define MKT_JSON_TEXT_H

#include "json.h"

/* Checks a string whose opening quote is at json->p[json->position]; sets json->text and moves past
 * the closing quote. On a fault returns false with position and problem set. */
bool mkt_json_scan_string(mkt_json *json);

/* Of the unescaped bytes, so that "a" and "\u0061" have one hash. Of their number and the first
 * eight only: names of one object seldom share both, and equal hashes are compared in full. */
uint32_t mkt_json_hash(mkt_json_text text);

#endif
