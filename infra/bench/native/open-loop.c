/*
 * Sends requests at the moments of a fixed plan, whatever the server does, and times each from its planned moment: a
 * request that had to wait for a free connection has waited (no coordinated omission).
 * Arguments: port, path, authorization, body, requests a second, seconds, seconds of warm-up before them, connections.
 * Prints one line of JSON; `lateMicros` is how late the generator itself was, at the 99th percentile.
 */
#include "http.h"

#define DRAIN_NS 5000000000

struct connection {
  int fd;
  /* Of the request that is on it; 0 while it is idle. */
  int64_t planned_ns;
  size_t held;
  char answer[BUFFER_BYTES];
};

static struct connection *connections, **idle;
static int idle_count;
static struct times latencies, lateness;
static long errors;

/* True when the buffer has an answer, whole. A chunked body ends with its last chunk; only what is behind the head is body. */
static int has_answer(struct connection *at) {
  at->answer[at->held] = 0;
  char *head_end = strstr(at->answer, "\r\n\r\n");
  if (!head_end) return 0;
  char *body = head_end + 4, *end = at->answer + at->held;
  char *length = strcasestr(at->answer, "\r\ncontent-length:");
  if (length && length < head_end) return end - body >= atol(length + 17);
  return end - body >= 5 && memcmp(end - 5, "0\r\n\r\n", 5) == 0;
}

static void open_connection(int epoll, int port, struct connection *at) {
  at->held = 0;
  at->fd = connect_to(port);
  if (at->fd < 0) die("connect");
  watch(epoll, at->fd, at);
  idle[idle_count++] = at;
}

static void receive(int epoll, int port, struct connection *at, int64_t counted_from) {
  ssize_t bytes = read(at->fd, at->answer + at->held, sizeof at->answer - 1 - at->held);
  if (bytes < 0 && errno == EAGAIN) return;
  /* A server may close a connection that waits; with a request on it, it may not. What it sends unasked is a fault. */
  if (bytes <= 0 || at->planned_ns == 0) {
    if (at->planned_ns != 0 || bytes > 0) errors++;
    for (int i = 0; i < idle_count; i++) {
      if (idle[i] == at) idle[i] = idle[--idle_count];
    }
    close(at->fd);
    at->planned_ns = 0;
    return open_connection(epoll, port, at);
  }
  at->held += bytes;
  if (!has_answer(at)) {
    if (at->held == sizeof at->answer - 1) die("answer too long");
    return;
  }
  if (memcmp(at->answer + 9, "200", 3) != 0) errors++;
  if (at->planned_ns >= counted_from) add_time(&latencies, now_ns() - at->planned_ns);
  at->planned_ns = 0;
  at->held = 0;
  idle[idle_count++] = at;
}

int main(int argc, char **argv) {
  if (argc != 9) return 2;
  set_up_process();
  int port = atoi(argv[1]), count = atoi(argv[8]);
  double rate = atof(argv[5]), seconds = atof(argv[6]), warm_up = atof(argv[7]);
  size_t bytes;
  char *request = post_text(argv[2], argv[3], argv[4], &bytes);
  int epoll = epoll_create1(EPOLL_CLOEXEC), timer = new_timer();
  connections = calloc(count, sizeof *connections);
  idle = calloc(count, sizeof *idle);
  if (!connections || !idle) die("calloc");
  for (int i = 0; i < count; i++) open_connection(epoll, port, &connections[i]);
  watch(epoll, timer, &timer);
  int64_t begin = now_ns() + 10000000, counted_from = begin + warm_up * 1e9;
  long total = rate * (warm_up + seconds), sent = 0;
  int64_t last = begin + (warm_up + seconds) * 1e9 + DRAIN_NS;
  /* Set while no connection was free: what is late then is not late by the generator. */
  int starved = 0;
  ring_at(timer, begin);
  while ((sent < total || idle_count < count) && now_ns() < last) {
    struct epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, 100);
    for (int i = 0; i < ready; i++) {
      uint64_t rings;
      if (events[i].data.ptr != &timer) receive(epoll, port, events[i].data.ptr, counted_from);
      else if (read(timer, &rings, sizeof rings) < 0 && errno != EAGAIN) die("timer");
    }
    while (sent < total && idle_count > 0) {
      int64_t planned = begin + sent * 1e9 / rate, now = now_ns();
      if (planned > now) {
        ring_at(timer, planned);
        starved = 0;
        break;
      }
      struct connection *at = idle[--idle_count];
      at->planned_ns = planned;
      if (planned >= counted_from && !starved) add_time(&lateness, now - planned);
      if (write(at->fd, request, bytes) != (ssize_t)bytes) errors++;
      sent++;
    }
    if (idle_count == 0) starved = 1;
  }
  errors += (total - sent) + (count - idle_count);
  sort_times(&latencies);
  sort_times(&lateness);
  printf("{\"requests\":%zu,\"errors\":%ld,\"p50Micros\":%u,\"p99Micros\":%u,\"maxMicros\":%u,\"lateMicros\":%u,"
         "\"cpuMs\":%ld}\n",
         latencies.count, errors, share_of(&latencies, 0.5), share_of(&latencies, 0.99), share_of(&latencies, 1),
         share_of(&lateness, 0.99), cpu_ms());
  return 0;
}
