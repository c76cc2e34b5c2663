/* Records, in order, what a process does to the files below the watched folders and what it tells the world on sockets.
 * Loaded with LD_PRELOAD. POWERCUT_WATCH holds the folders (absolute, apart by ':'), POWERCUT_LOG the log's path.
 * One lock is held over each recorded call and its record, so the order of the log is an order that was possible.
 * Not seen: writes through mmap (SQLite's -shm; an exclusively locked database has none), io_uring (switched off by
 * UV_USE_IO_URING=0), descriptors made by dup. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BEGIN = 1, OPEN, CLOSE, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, LINK, MKDIR, TOLD };
enum { FDS = 65536 };
enum { PLAIN = 0, WATCHED = 1, SOCKET = 2 };

/* The record's head; the path and the data follow it. Little endian, as every machine that this runs on. */
struct head {
  uint32_t kind, fd;
  uint64_t offset;
  uint32_t flags, path_length, data_length, tid;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char kind_of[FDS];
static int log_fd = -1;
static char watch[PATH_MAX];

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* By the system call itself: the C library's functions are the ones that are recorded. */
static void put(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    long done = syscall(SYS_write, log_fd, at, length);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      static const char what[] = "power-cut shim: the log cannot be written\n";
      syscall(SYS_write, 2, what, sizeof what - 1);
      _exit(97);
    }
    at += done;
    length -= (size_t)done;
  }
}

static void note(uint32_t kind, int fd, uint64_t offset, uint32_t flags, const char *path, const struct iovec *parts,
                 int count, size_t length) {
  struct head head = {.kind = kind, .fd = (uint32_t)fd, .offset = offset, .flags = flags};
  head.path_length = path ? (uint32_t)strlen(path) : 0;
  head.data_length = (uint32_t)length;
  head.tid = (uint32_t)syscall(SYS_gettid);
  put(&head, sizeof head);
  if (path) put(path, head.path_length);
  for (int i = 0; i < count && length > 0; i++) {
    size_t part = parts[i].iov_len < length ? parts[i].iov_len : length;
    put(parts[i].iov_base, part);
    length -= part;
  }
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("POWERCUT_LOG"), *folders = getenv("POWERCUT_WATCH");
  if (!path || !folders || strlen(folders) >= sizeof watch) return;
  strcpy(watch, folders);
  long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  /* Out of the way of the descriptors that a program numbers itself. */
  log_fd = fcntl((int)fd, F_DUPFD_CLOEXEC, 500);
  syscall(SYS_close, fd);
  note(BEGIN, 0, 0, 0, watch, NULL, 0, 0);
}

static const char *absolute(const char *path, char *into) {
  if (path[0] == '/') return path;
  if (!getcwd(into, PATH_MAX)) return path;
  size_t used = strlen(into);
  snprintf(into + used, PATH_MAX - used, "/%s", path);
  return into;
}

static int is_watched(const char *path) {
  if (log_fd < 0) return 0;
  for (const char *folder = watch; *folder;) {
    size_t length = strcspn(folder, ":");
    if (strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0)) return 1;
    folder += length + (folder[length] == ':');
  }
  return 0;
}

static int has_kind(int fd, int kind) { return log_fd >= 0 && fd >= 0 && fd < FDS && kind_of[fd] == kind; }

/* Sockets are found when they are first written to. */
static int is_socket(int fd) {
  if (log_fd < 0 || fd < 0 || fd >= FDS) return 0;
  if (kind_of[fd] == PLAIN) {
    struct stat about;
    int before = errno;
    if (fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode)) kind_of[fd] = SOCKET;
    errno = before;
  }
  return kind_of[fd] == SOCKET;
}

static int opened(const char *path, int flags, int (*call)(const char *, int, mode_t), mode_t mode) {
  char room[PATH_MAX];
  const char *full = absolute(path, room);
  if (!is_watched(full)) {
    int fd = call(path, flags, mode);
    if (fd >= 0 && fd < FDS) kind_of[fd] = PLAIN;
    return fd;
  }
  pthread_mutex_lock(&lock);
  int fd = call(path, flags, mode), error = errno;
  if (fd >= 0 && fd < FDS) {
    kind_of[fd] = WATCHED;
    struct stat about;
    uint32_t folder = fstat(fd, &about) == 0 && S_ISDIR(about.st_mode) ? 1u << 31 : 0;
    note(OPEN, fd, 0, (uint32_t)flags | folder, full, NULL, 0, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

#define OPENER(name) \
  static int call_##name(const char *path, int flags, mode_t mode) { \
    REAL(name); \
    return real(path, flags, mode); \
  } \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return opened(path, flags, call_##name, mode); \
  }
OPENER(open)
OPENER(open64)

static int call_openat(const char *path, int flags, mode_t mode) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
int creat(const char *path, mode_t mode) { return opened(path, O_CREAT | O_WRONLY | O_TRUNC, call_openat, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }
int openat(int folder, const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (folder == AT_FDCWD || path[0] == '/') return opened(path, flags, call_openat, mode);
  return (int)syscall(SYS_openat, folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return openat(folder, path, flags, mode);
}

int close(int fd) {
  REAL(close);
  if (fd == log_fd && fd >= 0) return 0;
  if (!has_kind(fd, WATCHED)) {
    if (fd >= 0 && fd < FDS) kind_of[fd] = PLAIN;
    return real(fd);
  }
  pthread_mutex_lock(&lock);
  note(CLOSE, fd, 0, 0, NULL, NULL, 0, 0);
  kind_of[fd] = PLAIN;
  int result = real(fd), error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

/* Runs `call` under the lock and records what it wrote; `at` is -1 for the file's own position. */
#define RECORDED(fd, parts, count, at, call) \
  if (!has_kind(fd, WATCHED) && !((at) < 0 && is_socket(fd))) return call; \
  pthread_mutex_lock(&lock); \
  int told = kind_of[fd] == SOCKET; \
  /* What is told may be heard before the call returns: it is recorded first, whole. */ \
  size_t whole = 0; \
  for (int i = 0; i < (count); i++) whole += (parts)[i].iov_len; \
  if (told) note(TOLD, fd, 0, 0, NULL, parts, count, whole); \
  ssize_t result = call; \
  int error = errno; \
  if (!told && result > 0) { \
    off64_t offset = (at) >= 0 ? (off64_t)(at) : lseek64(fd, 0, SEEK_CUR) - result; \
    note(WRITE, fd, (uint64_t)offset, 0, NULL, parts, count, (size_t)result); \
  } else if (told && result < (ssize_t)whole) { \
    /* The rest was not taken: how many bytes of the record before were. */ \
    note(TOLD, fd, result < 0 ? 0 : (uint64_t)result, 1, NULL, NULL, 0, 0); \
  } \
  pthread_mutex_unlock(&lock); \
  errno = error; \
  return result

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(write);
  struct iovec part = {(void *)bytes, length};
  RECORDED(fd, &part, 1, -1, real(fd, bytes, length));
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  RECORDED(fd, parts, count, -1, real(fd, parts, count));
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  REAL(sendmsg);
  RECORDED(fd, message->msg_iov, (int)message->msg_iovlen, -1, real(fd, message, flags));
}
ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  REAL(send);
  struct iovec part = {(void *)bytes, length};
  RECORDED(fd, &part, 1, -1, real(fd, bytes, length, flags));
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  REAL(pwrite);
  struct iovec part = {(void *)bytes, length};
  RECORDED(fd, &part, 1, at, real(fd, bytes, length, at));
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  REAL(pwrite64);
  struct iovec part = {(void *)bytes, length};
  RECORDED(fd, &part, 1, at, real(fd, bytes, length, at));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  REAL(pwritev);
  RECORDED(fd, parts, count, at, real(fd, parts, count, at));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  REAL(pwritev64);
  RECORDED(fd, parts, count, at, real(fd, parts, count, at));
}

#define AFTER(result, record) \
  if ((result) == 0) record; \
  int error = errno; \
  pthread_mutex_unlock(&lock); \
  errno = error; \
  return result

#define ON_FD(name, kind, parameters, arguments, offset) \
  int name parameters { \
    REAL(name); \
    if (!has_kind(fd, WATCHED)) return real arguments; \
    pthread_mutex_lock(&lock); \
    int result = real arguments; \
    AFTER(result, note(kind, fd, (uint64_t)(offset), 0, NULL, NULL, 0, 0)); \
  }
ON_FD(fsync, SYNC, (int fd), (fd), 0)
ON_FD(fdatasync, SYNC, (int fd), (fd), 0)
ON_FD(ftruncate, TRUNCATE, (int fd, off_t length), (fd, length), length)
ON_FD(ftruncate64, TRUNCATE, (int fd, off64_t length), (fd, length), length)

#define ON_PATH(name, kind, parameters, arguments) \
  int name parameters { \
    REAL(name); \
    char room[PATH_MAX]; \
    const char *full = absolute(path, room); \
    if (!is_watched(full)) return real arguments; \
    pthread_mutex_lock(&lock); \
    int result = real arguments; \
    AFTER(result, note(kind, 0, 0, 0, full, NULL, 0, 0)); \
  }
ON_PATH(unlink, UNLINK, (const char *path), (path))
ON_PATH(remove, UNLINK, (const char *path), (path))
ON_PATH(rmdir, UNLINK, (const char *path), (path))
ON_PATH(mkdir, MKDIR, (const char *path, mode_t mode), (path, mode))

/* The new name stands in the record's data. */
#define ON_TWO(name, kind) \
  int name(const char *from, const char *to) { \
    REAL(name); \
    char from_room[PATH_MAX], to_room[PATH_MAX]; \
    const char *full_from = absolute(from, from_room), *full_to = absolute(to, to_room); \
    if (!is_watched(full_from) && !is_watched(full_to)) return real(from, to); \
    pthread_mutex_lock(&lock); \
    int result = real(from, to); \
    struct iovec part = {(void *)full_to, strlen(full_to)}; \
    AFTER(result, note(kind, 0, 0, 0, full_from, &part, 1, part.iov_len)); \
  }
ON_TWO(rename, RENAME)
ON_TWO(link, LINK)
