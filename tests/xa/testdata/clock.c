// A clock that jumps: preloaded into a server, it puts the time of day ahead by as many seconds as a file says that is mapped, of the
// name HEDDLE_TEST_CLOCKS/PID. What is measured by the monotonic clock goes on as it is, as when a machine's clock is set.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t none;
static volatile int64_t *ahead = &none;

__attribute__((constructor)) static void begin(void) {
	const char *dir = getenv("HEDDLE_TEST_CLOCKS");
	char path[4096];
	if (!dir || (!strstr(program_invocation_short_name, "mariadbd") && !strstr(program_invocation_short_name, "mysqld")))
		return;
	snprintf(path, sizeof path, "%s/%d", dir, (int)getpid());
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (ftruncate(fd, sizeof none) == 0) {
		void *p = mmap(0, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED)
			ahead = p;
	}
	close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t) {
	static int (*real)(clockid_t, struct timespec *);
	if (!real)
		real = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(id, t);
	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += *ahead;
	return r;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *t) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (t)
		*t = now.tv_sec;
	return now.tv_sec;
}

// The kernel's clock has not jumped: a wait until a moment of the one that has ends as long from now as it should.
int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m, const struct timespec *restrict until) {
	static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	if (!real) {
		real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
		if (!real)
			real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	}
	struct timespec at = *until;
	if (at.tv_sec > 1000000000) // of the time of day, and not of a clock that began with the machine
		at.tv_sec -= *ahead;
	return real(c, m, &at);
}
