/* bare.c: the same requests in a loop of libcurl and nothing else: bare URL COUNT TOKEN [CA-FILE].
 * Writes the microseconds that one took. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct answer {
  char bytes[65536];
  size_t n;
} answer;

static size_t take(char *p, size_t size, size_t count, void *context) {
  answer *a = context;
  size_t n = size * count;
  if (n > sizeof a->bytes - a->n) return 0;
  memcpy(a->bytes + a->n, p, n);
  a->n += n;
  return n;
}

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  static answer a;
  char header[4096];
  if (argc < 4) return 2;
  int count = atoi(argv[2]);
  (void)snprintf(header, sizeof header, "Authorization: Bearer %s", argv[3]);
  (void)curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL *curl = curl_easy_init();
  struct curl_slist *headers = curl_slist_append(NULL, header);
  headers = curl_slist_append(headers, "Accept: application/json");
  headers = curl_slist_append(headers, "User-Agent: lua-marketplace");
  (void)curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
  (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &a);
  (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
  if (argc > 4) (void)curl_easy_setopt(curl, CURLOPT_CAINFO, argv[4]);
  double started = now();
  for (int i = 0; i < count; i++) {
    a.n = 0;
    if (curl_easy_perform(curl) != CURLE_OK || a.n == 0) return 1;
  }
  (void)printf("%.2f\n", (now() - started) / count * 1e6);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return 0;
}
