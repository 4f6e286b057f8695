/*
 * A model server that streams: a POST that asks for a stream is answered with `max_tokens` chunks of a chat completion,
 * at a steady rate, each with the moment of its sending in it; any other at once and whole. One thread, one timer.
 * Arguments: port, chunks a second of a stream.
 */
#include "http.h"

#define TICK_NS 100000
#define MAX_CONNECTIONS 65536

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
/* 19 digits of nanoseconds stand between the two. */
static const char BEFORE[] =
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"@";
static const char AFTER[] = " \"},\"finish_reason\":null}]}\n\n";
static const char USAGE[] =
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
    "\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n";
static const char WHOLE[] =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 253\r\n\r\n"
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"Hello.\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2,\"total_tokens\":14}}";
static const char DONE[] = "data: [DONE]\n\n";

struct stream {
  int fd, chunks, left;
  size_t held;
  int64_t due_ns;
  char request[16384];
};

/* A heap of the streams that run, the next due first. */
static struct stream *heap[MAX_CONNECTIONS];
static size_t running;

static void swap(size_t a, size_t b) {
  struct stream *kept = heap[a];
  heap[a] = heap[b];
  heap[b] = kept;
}

static void sink(size_t at) {
  for (;;) {
    size_t least = at, left = 2 * at + 1, right = left + 1;
    if (left < running && heap[left]->due_ns < heap[least]->due_ns) least = left;
    if (right < running && heap[right]->due_ns < heap[least]->due_ns) least = right;
    if (least == at) return;
    swap(at, least);
    at = least;
  }
}

static void rise(size_t at) {
  while (at > 0 && heap[at]->due_ns < heap[(at - 1) / 2]->due_ns) {
    swap(at, (at - 1) / 2);
    at = (at - 1) / 2;
  }
}

static void run(struct stream *stream) {
  heap[running++] = stream;
  rise(running - 1);
}

static void stop(struct stream *stream) {
  for (size_t i = 0; i < running; i++) {
    if (heap[i] != stream) continue;
    heap[i] = heap[--running];
    if (i < running) {
      sink(i);
      rise(i);
    }
    return;
  }
}

static void end(struct stream *stream) {
  stop(stream);
  close(stream->fd);
  free(stream);
}

/* What does not fit into the socket at once is lost to the reader, which counts it as an error. */
static int send_whole(struct stream *stream, const char *text, size_t bytes) {
  return write(stream->fd, text, bytes) == (ssize_t)bytes;
}

static size_t frame(char *out, const char *data, size_t bytes) {
  size_t at = sprintf(out, "%zx\r\n", bytes);
  memcpy(out + at, data, bytes);
  memcpy(out + at + bytes, "\r\n", 2);
  return at + bytes + 2;
}

static int send_chunk(struct stream *stream, int64_t now) {
  char data[512], out[1024];
  int bytes = snprintf(data, sizeof data, "%s%019lld%s", BEFORE, (long long)now, AFTER);
  return send_whole(stream, out, frame(out, data, bytes));
}

static int send_end(struct stream *stream) {
  char data[512], out[2048];
  size_t at = 0;
  if (strstr(stream->request, "\"include_usage\":true")) {
    int bytes = snprintf(data, sizeof data, USAGE, stream->chunks, stream->chunks + 12);
    at = frame(out, data, bytes);
  }
  at += frame(out + at, DONE, sizeof DONE - 1);
  memcpy(out + at, "0\r\n\r\n", 5);
  stream->held = 0;
  return send_whole(stream, out, at + 5);
}

/* True when a request is whole in the buffer. */
static int has_request(struct stream *stream) {
  stream->request[stream->held] = 0;
  char *body = strstr(stream->request, "\r\n\r\n");
  char *length = strcasestr(stream->request, "\r\ncontent-length:");
  if (!body || !length || length > body) return 0;
  return stream->held >= (size_t)(body + 4 - stream->request) + atoi(length + 17);
}

static void receive(struct stream *stream, int64_t interval_ns) {
  ssize_t bytes = read(stream->fd, stream->request + stream->held, sizeof stream->request - 1 - stream->held);
  if (bytes < 0 && errno == EAGAIN) return;
  if (bytes <= 0) return end(stream);
  stream->held += bytes;
  if (!has_request(stream)) return;
  if (!strstr(stream->request, "\"stream\":true")) {
    stream->held = 0;
    if (!send_whole(stream, WHOLE, sizeof WHOLE - 1)) end(stream);
    return;
  }
  char *tokens = strstr(stream->request, "\"max_tokens\":");
  stream->chunks = stream->left = tokens ? atoi(tokens + 13) : 30;
  if (!send_whole(stream, HEAD, sizeof HEAD - 1)) return end(stream);
  /* Streams are spread over the interval, or all would speak at the same moments. */
  stream->due_ns = now_ns() + interval_ns / 1000 * (rand() % 1000);
  run(stream);
}

static void send_due(int64_t interval_ns) {
  while (running > 0) {
    struct stream *stream = heap[0];
    int64_t now = now_ns();
    if (stream->due_ns > now) return;
    if (stream->left == 0) {
      stop(stream);
      if (!send_end(stream)) end(stream);
    } else if (!send_chunk(stream, now)) {
      end(stream);
    } else {
      stream->left--;
      stream->due_ns += interval_ns;
      sink(0);
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  set_up_process();
  int64_t interval_ns = 1e9 / atof(argv[2]);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in at = loopback(atoi(argv[1]));
  if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0) die("bind");
  if (listen(listener, 4096) < 0) die("listen");
  int epoll = epoll_create1(EPOLL_CLOEXEC), timer = new_timer();
  watch(epoll, listener, &listener);
  watch(epoll, timer, &timer);
  for (;;) {
    struct epoll_event events[256];
    int count = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; i++) {
      void *of = events[i].data.ptr;
      if (of == &timer) {
        uint64_t rings;
        if (read(timer, &rings, sizeof rings) < 0 && errno != EAGAIN) die("timer");
      } else if (of == &listener) {
        int fd;
        while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
          struct stream *stream = calloc(1, sizeof *stream);
          if (!stream) die("calloc");
          stream->fd = nonblocking(fd);
          watch(epoll, fd, stream);
        }
      } else {
        receive(of, interval_ns);
      }
    }
    send_due(interval_ns);
    if (running > 0) {
      int64_t soonest = now_ns() + TICK_NS;
      ring_at(timer, heap[0]->due_ns > soonest ? heap[0]->due_ns : soonest);
    }
  }
}
