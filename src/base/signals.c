#include "base/signals.h"

#include "base/error.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

enum { SIGNALS = 3, IMPATIENCE = 1000 }; /* milliseconds */

static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction before[SIGNALS];
static bool ignored[SIGNALS];
static int depth;

/* The driver has threads of its own, any of which may run the handler. */
static atomic_int caught;
static atomic_llong interrupted_at; /* milliseconds; 0: no SIGINT came */

static long long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
}

static void note(int number)
{
    int none = 0;
    long long never = 0, now = milliseconds();
    atomic_compare_exchange_strong(&caught, &none, number);
    if (number != SIGINT || atomic_compare_exchange_strong(&interrupted_at, &never, now))
        return;
    if (now - never >= IMPATIENCE) /* since the first, which the exchange has put there */
        _exit(128 + number);
}

void signals_inherit(void)
{
    for (int i = 0; i < SIGNALS; i++)
        ignored[i] = !sigaction(numbers[i], NULL, &before[i]) && before[i].sa_handler == SIG_IGN;
}

void signals_catch(void)
{
    if (depth++)
        return;
    caught = 0;
    interrupted_at = 0;
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction action = {.sa_handler = ignored[i] ? SIG_IGN : note,
                                   .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        sigaction(numbers[i], &action, &before[i]);
    }
}

void signals_release(void)
{
    if (--depth)
        return;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(numbers[i], &before[i], NULL);
    caught = 0;
}

int signals_caught(void)
{
    return caught;
}

int signals_check(void)
{
    return caught ? fail((enum status)(128 + caught), "interrupted") : 0;
}
