/* crc32.h: the checksum of zip archives (PKWARE's APPNOTE, section 4.4.7; ISO 3309). */
#ifndef MKT_CRC32_H
#define MKT_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t mkt_crc32(const char *p, size_t n);

#endif
