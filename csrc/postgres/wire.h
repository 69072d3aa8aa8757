/* wire.h: values in PostgreSQL's binary form: big endian, whatever the machine. */
#ifndef MKT_POSTGRES_WIRE_H
#define MKT_POSTGRES_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* The types that the inbox uses, by the numbers that PostgreSQL's catalogue has for them. */
enum {
  MKT_POSTGRES_BOOL = 16,
  MKT_POSTGRES_INT8 = 20,
  MKT_POSTGRES_INT2 = 21,
  MKT_POSTGRES_INT4 = 23,
  MKT_POSTGRES_FLOAT8 = 701,
};

enum { MKT_POSTGRES_LONGEST_NUMBER = 8 };

/* The bytes that a value of one of these types has, 0 for any other type. */
int mkt_postgres_size(unsigned type);

/* Writes the lowest `size` bytes, which are enough if the value is in range. */
void mkt_postgres_write_integer(char *out, int64_t value, int size);
void mkt_postgres_write_double(char *out, double value);

/* `size` is from 1 to 8. */
int64_t mkt_postgres_read_integer(const char *p, int size);
double mkt_postgres_read_double(const char *p);

#endif
