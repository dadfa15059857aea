/* A wall clock that is wrong by as many seconds as the file named in WRONG_CLOCK says, read anew at each look; the clocks that
   only measure time stay right. Loaded before a process's own libraries. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long wrong_by(void)
{
    static int file = -2;
    char text[24] = {0};
    if (file == -2) {
        const char *path = getenv("WRONG_CLOCK");
        file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    }
    if (file < 0 || pread(file, text, sizeof text - 1, 0) <= 0)
        return 0;
    return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += wrong_by();
    return (int)result;
}
