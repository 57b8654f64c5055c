/*
 * Learning rates and early stopping beside sequences computed by hand from Keras' rules
 * (ReduceLROnPlateau, EarlyStopping), and that they go on from their state as if never interrupted.
 */
#include "base/error.h"
#include "config/settings.h"
#include "train/early_stopping.h"
#include "train/schedule.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka last: it defines fail()
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static settings *load(const char *const *overrides, size_t count)
{
    settings *s;
    if (settings_load(&s, NULL, overrides, count))
        fail_msg("%s", error_message());
    return s;
}

static schedule schedule_of(const char *const *overrides, size_t count)
{
    settings *s = load(overrides, count);
    schedule result = schedule_new(&s->train);
    settings_free(s);
    return result;
}

static early_stopping stopping_of(const char *const *overrides, size_t count)
{
    settings *s = load(overrides, count);
    early_stopping result = early_stopping_new(&s->train);
    settings_free(s);
    return result;
}

static void assert_rate(const schedule *s, long step, double wanted)
{
    double rate = schedule_rate(s, (training_point){step, 0});
    if (!(fabs(rate - wanted) <= 1e-9 * wanted))
        fail_msg("the rate of step %ld is %.12g and should be %.12g", step, rate, wanted);
}

/* ---- Rates by step ---- */

static void constant_stays(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.learning_rate=0.5", "train.warmup_steps=10"};
    schedule s = schedule_of(overrides, COUNT(overrides));
    for (int epoch = 0; epoch < 20; epoch++)
        assert_false(schedule_epoch_end(&s, 1));
    assert_rate(&s, 0, 0.5);
    assert_rate(&s, 123456789, 0.5);
}

static void steps_go_down_to_the_lowest_rate(void **state)
{
    (void)state;
    const char *const overrides[] = {
        "train.schedule=step", "train.learning_rate=1",   "train.rate_factor=0.5",
        "train.rate_every=2",  "train.steps_per_epoch=3", "train.rate_min=0.2",
    };
    schedule s = schedule_of(overrides, COUNT(overrides));
    static const double wanted[] = {1, 0.5, 0.25, 0.2, 0.2};
    for (long step = 0; step < 30; step++)
        assert_rate(&s, step, wanted[step / 6]);
    assert_false(schedule_epoch_end(&s, 1));
}

static void cosine_rises_and_falls(void **state)
{
    (void)state;
    const char *const overrides[] = {
        "train.schedule=cosine", "train.learning_rate=1",   "train.rate_min=0.2",
        "train.warmup_steps=4",  "train.steps_per_epoch=6", "train.epochs=2",
    };
    schedule s = schedule_of(overrides, COUNT(overrides));
    static const double wanted[] = {
        0.25,        0.5,         0.75,        1,   /* warm-up */
        1,                                          /* then 0.2 + 0.8 (1 + cos(pi k/8)) / 2 */
        0.969551813, 0.882842712, 0.753073373, 0.6, /* k = 1 to 4 */
        0.446926627, 0.317157288, 0.230448187,      /* k = 5 to 7 */
        0.2,         0.2,                           /* the end, and beyond */
    };
    for (size_t step = 0; step < COUNT(wanted); step++) {
        double rate = schedule_rate(&s, (training_point){(long)step, 0});
        if (!(fabs(rate - wanted[step]) <= 1e-9))
            fail_msg("the rate of step %zu is %.12g and should be %.9g", step, rate, wanted[step]);
    }
}

static void cosine_without_warm_up_starts_at_the_top(void **state)
{
    (void)state;
    const char *const overrides[] = {
        "train.schedule=cosine",   "train.learning_rate=1", "train.rate_min=0",
        "train.steps_per_epoch=4", "train.epochs=1",
    };
    schedule s = schedule_of(overrides, COUNT(overrides));
    assert_rate(&s, 0, 1);
    assert_rate(&s, 2, 0.5);
    assert_rate(&s, 4, 0);
}

static void a_warm_up_may_be_longer_than_the_training(void **state)
{
    (void)state;
    const char *const overrides[] = {
        "train.schedule=cosine",   "train.learning_rate=1", "train.warmup_steps=8",
        "train.steps_per_epoch=4", "train.epochs=1",
    };
    schedule s = schedule_of(overrides, COUNT(overrides));
    for (long step = 0; step < 8; step++)
        assert_rate(&s, step, (double)(step + 1) / 8);
    assert_rate(&s, 8, 1e-6); /* train.rate_min, as it is initially */
}

static void the_lowest_rate_raises_none(void **state)
{
    (void)state;
    static const char *const kinds[] = {"train.schedule=step", "train.schedule=cosine",
                                        "train.schedule=plateau"};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const char *const overrides[] = {kinds[i], "train.learning_rate=0.1", "train.rate_min=2",
                                         "train.plateau_patience=1"};
        schedule s = schedule_of(overrides, COUNT(overrides));
        for (int epoch = 0; epoch < 5; epoch++)
            assert_false(schedule_epoch_end(&s, 1));
        assert_rate(&s, 0, 0.1);
        assert_rate(&s, 1000000000, 0.1);
    }
}

/* ---- Rates by time, and the batch ---- */

static void a_cosine_of_minutes_ends_with_them(void **state)
{
    (void)state;
    const char *const overrides[] = {
        "train.schedule=cosine", "train.learning_rate=1",   "train.rate_min=0",
        "train.warmup_steps=4",  "train.steps_per_epoch=6", "train.minutes=2",
    };
    static const struct {
        long step;
        double seconds, rate;
    } cases[] = {
        {0, 0, 0.25},  {1, 0, 0.5},       {3, 0, 1},
        {1, 60, 0.25}, /* warm-up, and the cosine */
        {10, 60, 0.5}, {10, 40, 0.75},    {9, 80, 0.25},
        {99, 120, 0},  {1000000, 1e6, 0}, /* the end, and beyond */
    };
    schedule s = schedule_of(overrides, COUNT(overrides));
    for (size_t i = 0; i < COUNT(cases); i++) {
        double rate = schedule_rate(&s, (training_point){cases[i].step, cases[i].seconds});
        if (!(fabs(rate - cases[i].rate) <= 1e-9))
            fail_msg("the rate of step %ld after %g s is %.9g and should be %.9g", cases[i].step,
                     cases[i].seconds, rate, cases[i].rate);
    }
}

static void the_batch_doubles_at_equal_distances(void **state)
{
    (void)state;
    const char *const by_steps[] = {"train.batch=8", "train.batch_last=32",
                                    "train.steps_per_epoch=6", "train.epochs=2"};
    const char *const by_minutes[] = {"train.batch=8", "train.batch_last=16", "train.minutes=1"};
    const char *const never[] = {"train.batch=8"};
    schedule s = schedule_of(by_steps, COUNT(by_steps));
    for (long step = 0; step < 12; step++)
        assert_int_equal(schedule_batches(&s, (training_point){step, 1e9}), 1 << step / 4);
    assert_int_equal(schedule_batches(&s, (training_point){12, 0}), 4);
    s = schedule_of(by_minutes, COUNT(by_minutes));
    assert_int_equal(schedule_batches(&s, (training_point){1000000, 29.9}), 1);
    assert_int_equal(schedule_batches(&s, (training_point){1000000, 30.1}), 2);
    assert_int_equal(schedule_batches(&s, (training_point){0, 1e9}), 2);
    s = schedule_of(never, COUNT(never));
    assert_int_equal(schedule_batches(&s, (training_point){1000000000, 1e9}), 1);
}

/* ---- Plateau ---- */

/* What an epoch ended with, and the rate of the next. */
typedef struct plateau_epoch {
    double monitored, rate;
} plateau_epoch;

static void epoch_is(schedule *s, size_t i, const plateau_epoch *epoch)
{
    double before = schedule_rate(s, (training_point){0, 0});
    bool reduced = schedule_epoch_end(s, epoch->monitored);
    if (reduced != (schedule_rate(s, (training_point){0, 0}) != before))
        fail_msg("epoch %zu: that the rate was reduced is told wrongly", i + 1);
    assert_rate(s, (long)i, epoch->rate);
}

/* Once in one go, and once for every epoch in which it can be interrupted: the state is all that the
 * schedule after the break knows. */
static void plateau_is(const char *const *overrides, size_t override_count,
                       const plateau_epoch *epochs, size_t count)
{
    for (size_t pause = 0; pause <= count; pause++) {
        schedule before = schedule_of(overrides, override_count);
        schedule after = schedule_of(overrides, override_count);
        for (size_t i = 0; i < pause; i++)
            epoch_is(&before, i, &epochs[i]);
        after.state = before.state;
        for (size_t i = pause; i < count; i++)
            epoch_is(&after, i, &epochs[i]);
    }
}

static void plateau_reduces_after_its_patience(void **state)
{
    (void)state;
    const char *const overrides[] = {
        "train.schedule=plateau",   "train.learning_rate=1", "train.rate_factor=0.5",
        "train.plateau_patience=2", "train.rate_min=0.2",    "train.plateau_min_delta=0.1",
    };
    static const plateau_epoch epochs[] = {
        {1.00, 1},    {0.95, 1},   /* not below 1 - 0.1 */
        {0.91, 0.5},               /* nor this, the second */
        {0.89, 0.5},               /* the best is 0.89 now */
        {0.80, 0.5},  {NAN, 0.25}, /* is no improvement */
        {0.85, 0.25}, {0.85, 0.2}, /* not 0.125: that is below the lowest */
        {0.85, 0.2},  {0.85, 0.2}, {0.5, 0.2}, {0.5, 0.2}, {0.5, 0.2},
    };
    plateau_is(overrides, COUNT(overrides), epochs, COUNT(epochs));
}

/* Keras: an epoch of cooldown counts down first; the one that ends it is an ordinary one already. */
static void plateau_rests_after_a_reduction(void **state)
{
    (void)state;
    const char *const overrides[] = {
        "train.schedule=plateau",   "train.learning_rate=1",    "train.rate_factor=0.1",
        "train.plateau_patience=1", "train.plateau_cooldown=2", "train.plateau_min_delta=0",
    };
    static const plateau_epoch epochs[] = {
        {5, 1},    {5, 0.1},  {5, 0.1},
        {5, 0.01}, {5, 0.01}, {4, 0.01}, /* the cooldown ends with an improvement */
        {4, 1e-3}, {3, 1e-3},            /* an improvement while it rests */
        {3, 1e-4}, {4, 1e-4}, {3, 1e-5},
    };
    plateau_is(overrides, COUNT(overrides), epochs, COUNT(epochs));
}

static void waiting_starts_over_after_the_rest(void **state)
{
    (void)state;
    const char *const overrides[] = {
        "train.schedule=plateau",   "train.learning_rate=1",    "train.rate_factor=0.1",
        "train.plateau_patience=2", "train.plateau_cooldown=1", "train.plateau_min_delta=0",
    };
    static const plateau_epoch epochs[] = {
        {5, 1}, {5, 1}, {5, 0.1}, {5, 0.1}, {5, 0.01}, {4, 0.01}, {4, 0.01}, {4, 1e-3},
    };
    plateau_is(overrides, COUNT(overrides), epochs, COUNT(epochs));
}

/* ---- Early stopping ---- */

typedef struct stopping_epoch {
    double monitored;
    bool is_best, is_due;
} stopping_epoch;

static void stopping_epoch_is(early_stopping *e, size_t i, const stopping_epoch *epoch)
{
    bool is_best = early_stopping_epoch_end(e, (long)i + 1, epoch->monitored);
    if (is_best != epoch->is_best)
        fail_msg("epoch %zu should%s be the best so far", i + 1, epoch->is_best ? "" : " not");
    if (is_best) {
        assert_int_equal(e->state.best_epoch, i + 1);
        assert_true(e->state.best == epoch->monitored);
    }
    if (early_stopping_is_due(e) != epoch->is_due)
        fail_msg("it should%s be time to stop after epoch %zu", epoch->is_due ? "" : " not", i + 1);
}

/* As plateau_is(). */
static void stopping_is(const char *const *overrides, size_t override_count,
                        const stopping_epoch *epochs, size_t count)
{
    for (size_t pause = 0; pause <= count; pause++) {
        early_stopping before = stopping_of(overrides, override_count);
        early_stopping after = stopping_of(overrides, override_count);
        for (size_t i = 0; i < pause; i++)
            stopping_epoch_is(&before, i, &epochs[i]);
        after.state = before.state;
        for (size_t i = pause; i < count; i++)
            stopping_epoch_is(&after, i, &epochs[i]);
    }
}

static void stops_after_its_patience(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.stop_patience=3"};
    static const stopping_epoch epochs[] = {
        {5, true, false},  {5, false, false},   {6, false, false},  {4.9, true, false},
        {5, false, false}, {NAN, false, false}, {4.9, false, true},
    };
    stopping_is(overrides, COUNT(overrides), epochs, COUNT(epochs));
}

static void little_is_no_improvement(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.stop_patience=2", "train.stop_min_delta=0.25"};
    static const stopping_epoch epochs[] = {
        {2, true, false},     {1.75, false, false}, /* just the delta, not more */
        {1.625, true, false}, /* more, seen from the best and not from the last */
        {1.5, false, false},  {1.4375, false, true}, /* Keras compares with the best */
        {1.25, true, false},
    };
    stopping_is(overrides, COUNT(overrides), epochs, COUNT(epochs));
}

static void patience_of_zero_never_stops(void **state)
{
    (void)state;
    static const stopping_epoch epochs[] = {
        {1, true, false}, {2, false, false}, {2, false, false}, {2, false, false}};
    stopping_is(NULL, 0, epochs, COUNT(epochs));
}

/* A training that starts with losses which are no numbers has no best epoch yet. */
static void nothing_is_best_before_a_number(void **state)
{
    (void)state;
    const char *const overrides[] = {"train.stop_patience=2"};
    early_stopping e = stopping_of(overrides, COUNT(overrides));
    assert_false(early_stopping_epoch_end(&e, 1, NAN));
    assert_int_equal(e.state.best_epoch, 0);
    assert_true(isinf(e.state.best));
    assert_true(early_stopping_epoch_end(&e, 2, 7));
    assert_int_equal(e.state.best_epoch, 2);
    assert_false(early_stopping_is_due(&e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_stays),
        cmocka_unit_test(steps_go_down_to_the_lowest_rate),
        cmocka_unit_test(cosine_rises_and_falls),
        cmocka_unit_test(cosine_without_warm_up_starts_at_the_top),
        cmocka_unit_test(a_warm_up_may_be_longer_than_the_training),
        cmocka_unit_test(the_lowest_rate_raises_none),
        cmocka_unit_test(a_cosine_of_minutes_ends_with_them),
        cmocka_unit_test(the_batch_doubles_at_equal_distances),
        cmocka_unit_test(plateau_reduces_after_its_patience),
        cmocka_unit_test(plateau_rests_after_a_reduction),
        cmocka_unit_test(waiting_starts_over_after_the_rest),
        cmocka_unit_test(stops_after_its_patience),
        cmocka_unit_test(little_is_no_improvement),
        cmocka_unit_test(patience_of_zero_never_stops),
        cmocka_unit_test(nothing_is_best_before_a_number),
    };
    return cmocka_run_group_tests_name("schedule and early stopping", tests, NULL, NULL);
}
