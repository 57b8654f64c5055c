#include "train/schedule.h"

#include <math.h>

/* How often `from` doubles up to `to`. */
static int doublings(int from, int to)
{
    int times = 0;
    while ((long)from << (times + 1) <= to)
        times++;
    return times;
}

schedule schedule_new(const struct train_config *c)
{
    double rate = c->learning_rate;
    long steps = c->steps_per_epoch;
    return (schedule){
        .kind = c->schedule,
        .base = rate,
        .factor = c->rate_factor,
        .min_rate = c->rate_min,
        .min_delta = c->plateau_min_delta,
        .patience = c->plateau_patience,
        .cooldown = c->plateau_cooldown,
        .every = c->rate_every,
        .warmup = c->warmup_steps,
        .steps_per_epoch = steps,
        .total_steps = steps * c->epochs,
        .seconds = c->minutes * 60,
        .doublings = doublings(c->batch, c->batch_last),
        .state = {.rate = rate, .best = INFINITY},
    };
}

static double share(double done, double whole)
{
    return whole > 0 && done < whole ? done / whole : 1;
}

/* From base down to min_rate, which the step behind the last would have. */
static double half_cosine(const schedule *s, double part)
{
    const double pi = 3.14159265358979323846;
    double low = s->min_rate < s->base ? s->min_rate : s->base;
    return low + (s->base - low) * 0.5 * (1 + cos(pi * part));
}

/* Warm-up takes its first steps from zero. Of a time it is not known how many steps it will be, so there
 * the cosine begins with the time. */
static double cosine(const schedule *s, training_point at)
{
    bool risen = at.step >= s->warmup;
    double rise = risen ? 1 : (double)(at.step + 1) / (double)s->warmup;
    if (s->seconds > 0)
        return rise * half_cosine(s, share(at.seconds, s->seconds));
    return risen ? half_cosine(s, share((double)(at.step - s->warmup),
                                        (double)(s->total_steps - s->warmup)))
                 : rise * s->base;
}

double schedule_rate(const schedule *s, training_point at)
{
    switch (s->kind) {
    case SCHEDULE_STEP:
        return fmax(s->base * pow(s->factor, (double)(at.step / s->steps_per_epoch / s->every)),
                    fmin(s->min_rate, s->base));
    case SCHEDULE_COSINE:
        return cosine(s, at);
    case SCHEDULE_PLATEAU:
        return s->state.rate;
    case SCHEDULE_CONSTANT:
        break;
    }
    return s->base;
}

int schedule_batches(const schedule *s, training_point at)
{
    double part = s->seconds > 0 ? share(at.seconds, s->seconds)
                                 : share((double)at.step, (double)s->total_steps);
    int done = (int)(part * (s->doublings + 1));
    return 1 << (done < s->doublings ? done : s->doublings);
}

bool schedule_epoch_end(schedule *s, double monitored)
{
    struct schedule_state *state = &s->state;
    if (s->kind != SCHEDULE_PLATEAU)
        return false;
    if (state->resting) {
        state->resting--;
        state->wait = 0;
    }
    if (monitored < state->best - s->min_delta) {
        state->best = monitored;
        state->wait = 0;
        return false;
    }
    if (state->resting || ++state->wait < s->patience || state->rate <= s->min_rate)
        return false;
    state->rate = fmax(state->rate * s->factor, s->min_rate);
    state->resting = s->cooldown;
    state->wait = 0;
    return true;
}
