/*
 * Reads many streams at once and tells how long each chunk was on its way, by the stamp that the source put into it.
 * Arguments: port, path, authorization, body, streams, chunks that each stream has. Prints one line of JSON.
 */
#include "http.h"

/* Between the beginnings of two streams, so that a crowd at the door is not what is measured. */
#define RAMP_NS 1000000
#define SILENCE_NS 20000000000

struct stream {
  int fd, chunks, has_status, is_open;
  size_t held;
  char line[4096];
};

static struct times delays;
static long complete, errors;
static int open_streams;

static void end(struct stream *stream, int is_fault) {
  if (is_fault) errors++;
  stream->is_open = 0;
  open_streams--;
  close(stream->fd);
}

/* A line of the answer, whole. True when it was the last of the stream. */
static int take_line(struct stream *stream, const char *line, size_t bytes, int64_t now) {
  if (!stream->has_status) {
    stream->has_status = 1;
    if (bytes < 12 || memcmp(line + 9, "200", 3) != 0) {
      fprintf(stderr, "%.*s\n", (int)bytes, line);
      return -1;
    }
    return 0;
  }
  if (bytes >= 12 && memcmp(line, "data: [DONE]", 12) == 0) return 1;
  const char *stamp = memmem(line, bytes, "\"content\":\"@", 12);
  if (stamp) {
    stream->chunks++;
    add_time(&delays, now - strtoll(stamp + 12, NULL, 10));
  }
  return 0;
}

static void receive(struct stream *stream, int expected) {
  static char buffer[BUFFER_BYTES];
  memcpy(buffer, stream->line, stream->held);
  ssize_t bytes = read(stream->fd, buffer + stream->held, sizeof buffer - stream->held);
  if (bytes < 0 && errno == EAGAIN) return;
  if (bytes <= 0) return end(stream, 1);
  int64_t now = now_ns();
  char *from = buffer, *to = buffer + stream->held + bytes, *line_end;
  while ((line_end = memchr(from, '\n', to - from))) {
    int last = take_line(stream, from, line_end - from, now);
    if (last != 0) {
      if (last > 0) complete++;
      return end(stream, last < 0 || stream->chunks != expected);
    }
    from = line_end + 1;
  }
  stream->held = to - from;
  if (stream->held > sizeof stream->line) return end(stream, 1);
  memcpy(stream->line, from, stream->held);
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  set_up_process();
  int port = atoi(argv[1]), count = atoi(argv[5]), expected = atoi(argv[6]);
  size_t bytes;
  char *request = post_text(argv[2], argv[3], argv[4], &bytes);
  struct stream *streams = calloc(count, sizeof *streams);
  if (!streams) die("calloc");
  int epoll = epoll_create1(EPOLL_CLOEXEC), timer = new_timer(), started = 0;
  watch(epoll, timer, &timer);
  int64_t begin = now_ns(), heard = begin;
  ring_at(timer, begin + 1);
  while (started < count || open_streams > 0) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, 1000);
    if (now_ns() - heard > SILENCE_NS) {
      errors += open_streams;
      break;
    }
    for (int i = 0; i < ready; i++) {
      heard = now_ns();
      if (events[i].data.ptr != &timer) {
        receive(events[i].data.ptr, expected);
        continue;
      }
      uint64_t rings;
      if (read(timer, &rings, sizeof rings) < 0) continue;
      struct stream *stream = &streams[started++];
      if (started < count) ring_at(timer, begin + started * (int64_t)RAMP_NS);
      stream->fd = connect_to(port);
      if (stream->fd < 0 || write(stream->fd, request, bytes) != (ssize_t)bytes) {
        errors++;
        continue;
      }
      stream->is_open = 1;
      open_streams++;
      watch(epoll, stream->fd, stream);
    }
  }
  sort_times(&delays);
  printf("{\"streams\":%d,\"complete\":%ld,\"errors\":%ld,\"chunks\":%zu,\"p50Micros\":%u,\"p99Micros\":%u,"
         "\"maxMicros\":%u,\"cpuMs\":%ld,\"wallMs\":%lld}\n",
         count, complete, errors, delays.count, share_of(&delays, 0.5), share_of(&delays, 0.99),
         share_of(&delays, 1), cpu_ms(), (long long)(now_ns() - begin) / 1000000);
  return 0;
}
