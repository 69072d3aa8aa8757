#include "postgres/wire.h"

#include <string.h>

int mkt_postgres_size(unsigned type) {
  switch (type) {
  case MKT_POSTGRES_BOOL:
    return 1;
  case MKT_POSTGRES_INT2:
    return 2;
  case MKT_POSTGRES_INT4:
    return 4;
  case MKT_POSTGRES_INT8:
  case MKT_POSTGRES_FLOAT8:
    return 8;
  default:
    return 0;
  }
}

void mkt_postgres_write_integer(char *out, int64_t value, int size) {
  uint64_t bits = (uint64_t)value;
  for (int i = size - 1; i >= 0; i--) {
    out[i] = (char)(bits & 0xff);
    bits >>= 8;
  }
}

void mkt_postgres_write_double(char *out, double value) {
  int64_t bits;
  memcpy(&bits, &value, sizeof bits);
  mkt_postgres_write_integer(out, bits, sizeof bits);
}

int64_t mkt_postgres_read_integer(const char *p, int size) {
  uint64_t bits = (p[0] & 0x80) != 0 ? UINT64_MAX : 0;
  for (int i = 0; i < size; i++)
    bits = bits << 8 | (unsigned char)p[i];
  return (int64_t)bits;
}

double mkt_postgres_read_double(const char *p) {
  int64_t bits = mkt_postgres_read_integer(p, sizeof bits);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
