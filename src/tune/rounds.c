#include "tune/rounds.h"

#include "base/clock.h"
#include "bench/step.h"
#include <math.h>

enum { ROUNDS = 7, ROUNDS_QUICK = 3, STEPS_MAX = 50 };
static const double least_seconds = 0.2; /* of a round: a shorter one would time the clock */
static const double least_seconds_quick = 0.1;
static const double hopeless = 0.15; /* slower by that after two rounds: not worth more */

static int time_round(const rounds *r, const variant *v, double *seconds)
{
    double begun = clock_seconds();
    if (variant_run(v, r->steps))
        return -1;
    *seconds = (clock_seconds() - begun) / (double)r->steps;
    return 0;
}

static double median(double *values, int count)
{
    step_sort_seconds(values, (size_t)count);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

int rounds_choose(rounds *r, const variant *v, bool quick)
{
    double once, least = quick ? least_seconds_quick : least_seconds;
    *r = (rounds){.count = quick ? ROUNDS_QUICK : ROUNDS, .steps = 1};
    if (time_round(r, v, &once))
        return -1;
    r->steps = once * STEPS_MAX < least ? STEPS_MAX : (long)(least / once) + 1;
    return 0;
}

int rounds_time(const rounds *r, variant *v)
{
    double seconds[ROUNDS] = {0};
    for (int i = 0; i < r->count; i++)
        if (time_round(r, v, &seconds[i]))
            return -1;
    v->seconds = median(seconds, r->count);
    return 0;
}

int rounds_time_both(const rounds *r, variant *a, variant *b, double *ratio)
{
    double as[ROUNDS] = {0}, bs[ROUNDS] = {0}, ratios[ROUNDS] = {0};
    int done = 0;
    while (done < r->count) {
        bool a_first = done % 2 == 0; /* who goes first takes turns too */
        if ((a_first && time_round(r, a, &as[done])) || time_round(r, b, &bs[done]) ||
            (!a_first && time_round(r, a, &as[done])))
            return -1;
        ratios[done] = bs[done] / as[done];
        done++;
        if (done == 2 && fmin(ratios[0], ratios[1]) > 1 + hopeless)
            break;
    }
    a->seconds = median(as, done);
    b->seconds = median(bs, done);
    *ratio = median(ratios, done);
    return 0;
}
