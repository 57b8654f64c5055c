#include "train/schedule.h"

#include <math.h>

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
        .state = {.rate = rate, .best = INFINITY},
    };
}

/* From base down to min_rate; warm-up takes its first steps from zero. */
static double cosine(const schedule *s, long step)
{
    const double pi = 3.14159265358979323846;
    if (step < s->warmup)
        return s->base * (double)(step + 1) / (double)s->warmup;
    double length = (double)(s->total_steps - s->warmup), done = (double)(step - s->warmup);
    double part = length > 0 && done < length ? done / length : 1;
    double low = s->min_rate < s->base ? s->min_rate : s->base;
    return low + (s->base - low) * 0.5 * (1 + cos(pi * part));
}

double schedule_rate(const schedule *s, long step)
{
    switch (s->kind) {
    case SCHEDULE_STEP:
        return fmax(s->base * pow(s->factor, (double)(step / s->steps_per_epoch / s->every)),
                    fmin(s->min_rate, s->base));
    case SCHEDULE_COSINE:
        return cosine(s, step);
    case SCHEDULE_PLATEAU:
        return s->state.rate;
    case SCHEDULE_CONSTANT:
        break;
    }
    return s->base;
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
