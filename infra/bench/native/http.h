/* What the bench's compiled tools share: clocks, sockets on the loopback, and the little of HTTP/1.1 that they speak. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES 65536

/* Of this machine, the same in every process: a source's stamp can be read by a reader. */
static inline int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

/* User and system time of this process, in milliseconds. */
static inline long cpu_ms(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static inline void set_up_process(void) {
  signal(SIGPIPE, SIG_IGN);
  /* The kernel may otherwise wake us up to 50 microseconds later than asked. */
  prctl(PR_SET_TIMERSLACK, 1);
}

static inline struct sockaddr_in loopback(int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

static inline int nonblocking(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) die("fcntl");
  return fd;
}

/* A connection to a server on this machine; it is there at once, or not at all. */
static inline int connect_to(int port) {
  struct sockaddr_in at = loopback(port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
    close(fd);
    return -1;
  }
  return nonblocking(fd);
}

static inline void watch(int epoll, int fd, void *of) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = of};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static inline int new_timer(void) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) die("timerfd_create");
  return fd;
}

static inline void ring_at(int timer, int64_t at_ns) {
  struct itimerspec when = {.it_value = {at_ns / 1000000000, at_ns % 1000000000}};
  if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL) < 0) die("timerfd_settime");
}

/* One POST of a JSON body, whole. */
static inline char *post_text(const char *path, const char *authorization, const char *body, size_t *bytes) {
  char *text;
  int length = asprintf(&text,
                        "POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: %s\r\n"
                        "content-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                        path, authorization, strlen(body), body);
  if (length < 0) die("asprintf");
  *bytes = length;
  return text;
}

/* Times in microseconds, to be told as percentiles. */
struct times {
  uint32_t *micros;
  size_t count, room;
};

static inline void add_time(struct times *times, int64_t ns) {
  if (times->count == times->room) {
    times->room = times->room ? times->room * 2 : 65536;
    times->micros = realloc(times->micros, times->room * sizeof *times->micros);
    if (!times->micros) die("realloc");
  }
  times->micros[times->count++] = ns < 0 ? 0 : ns / 1000;
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static inline void sort_times(struct times *times) {
  qsort(times->micros, times->count, sizeof *times->micros, by_size);
}

/* Of sorted times. */
static inline uint32_t share_of(const struct times *times, double share) {
  if (times->count == 0) return 0;
  size_t index = share * times->count;
  return times->micros[index < times->count ? index : times->count - 1];
}
