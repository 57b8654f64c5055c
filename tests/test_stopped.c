/*
 * Trainings and searches that meet a signal, or the end of their time, at a chosen moment. For that, this
 * program has its own clock and its own log: a signal comes with a message, time runs out at a look at
 * the clock.
 */
#include "trainings.h"

#include "base/clock.h"
#include "base/log.h"
#include "search/search.h"
#include "search/trial_run.h"
#include "search/trials.h"
#include "search_spaces.h"
#include <math.h>
#include <signal.h>

/* ---- The clock and the log ---- */

static double now;           /* what the clock says, in seconds */
static long looks, jumps_at; /* how often it was looked at; at that look an hour passes, 0: never */

static int signal_number;
static const char *signal_at; /* comes with the message that starts so, once */
static int resumed;           /* how many trainings said that they go on */

double clock_seconds(void)
{
    now += 1e-6;
    if (++looks == jumps_at)
        now += 3600;
    return now;
}

const char *clock_text(double seconds, char *text, size_t size)
{
    snprintf(text, size, "%.0f s", seconds);
    return text;
}

static void message(const char *format)
{
    static const char resuming[] = "resumed in epoch";
    resumed += !strncmp(format, resuming, strlen(resuming));
    if (!signal_at || strncmp(format, signal_at, strlen(signal_at)) != 0)
        return;
    signal_at = NULL;
    raise(signal_number);
}

void log_set_level(enum log_level level)
{
    (void)level;
}

bool log_is_live(void)
{
    return false;
}

void log_live_end(void)
{
}

void log_live(const char *format, ...)
{
    message(format);
}

void log_info(const char *format, ...)
{
    message(format);
}

void log_detail(const char *format, ...)
{
    message(format);
}

void log_warning(const char *format, ...)
{
    message(format);
}

static void signal_comes_with(int number, const char *start)
{
    signal_number = number;
    signal_at = start;
}

/* ---- Signals ---- */

static void is_interrupted(training *t, enum status status, const char *where)
{
    assert_int_equal(trainer_run(t->trainer), -1);
    assert_null(signal_at); /* it came */
    assert_error(status, where, "unblend train --resume");
    close_training(t);
}

static void same_histories(const training *a, const training *b)
{
    const history *left = trainer_history(a->trainer), *right = trainer_history(b->trainer);
    assert_int_equal(left->count, right->count);
    for (size_t i = 0; i < left->count; i++)
        for (int k = 0; k < left->sources; k++) {
            assert_true(left->epochs[i].loss[k] == right->epochs[i].loss[k]);
            assert_true(left->epochs[i].val_loss[k] == right->epochs[i].val_loss[k]);
        }
}

/* It ends before the epoch is over, which the resumed training then does. The averaged weights are in
 * place while it validates. */
static void a_signal_ends_validation(void **state)
{
    (void)state;
    static const overrides average = {"train.average=0.9", "train.validation_steps=20"};
    static const int numbers[] = {SIGTERM, SIGHUP};
    training whole = trained_in("whole", false, average);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "hung-up" : "terminated";
        training broken = open_training(name, false, average);
        signal_comes_with(numbers[i], "epoch %ld: validating");
        is_interrupted(&broken, (enum status)(128 + numbers[i]), "epoch 1, step 5");
        broken = trained_in(name, true, average);
        same_histories(&whole, &broken);
        assert_true(same_tensors("whole", name, CHECKPOINT_NAME));
        assert_true(same_tensors("whole", name, MODEL_NAME));
        close_training(&broken);
    }
    close_training(&whole);
}

/* Also where the time was over before: the last epoch, of the lowest rates, is judged all the same. */
static void a_signal_does_not_cost_the_last_epoch(void **state)
{
    (void)state;
    static const overrides brief = {"train.minutes=30", "train.validation_steps=20",
                                    "train.steps_per_epoch=1000000"};
    train("brief", false,
          (overrides){"train.minutes=30", "train.validation_steps=20", "train.stop_loss=1000"});
    training t = open_training("brief", true, brief);
    assert_int_equal(trainer_history(t.trainer)->count, 1);
    looks = 0;
    jumps_at = 100; /* after some steps */
    signal_comes_with(SIGTERM, "epoch %ld: validating");
    is_interrupted(&t, (enum status)(128 + SIGTERM), "epoch 2");
    jumps_at = 0;
    t = trained_in("brief", true, brief);
    assert_int_equal(trainer_history(t.trainer)->count, 2);
    close_training(&t);
}

/* One that comes as the last epoch is told of is not forgotten, though nothing is left to train. */
static void a_signal_at_the_end_is_heard(void **state)
{
    (void)state;
    training t = open_training("end", false, (overrides){"train.epochs=1"});
    signal_comes_with(SIGINT, "epoch %s  %ld steps");
    is_interrupted(&t, STATUS_SIGINT, "interrupted");
    assert_true(file_exists(scratch_path("end/" MODEL_NAME)));
    t = trained_in("end", true, (overrides){"train.epochs=1"});
    assert_int_equal(trainer_history(t.trainer)->count, 1);
    close_training(&t);
}

static space *two_trials(const char *validation)
{
    char text[1024];
    snprintf(text, sizeof text,
             "[model]\nfilters = 2\nmodules = 2\nconvolutions = 1\nactivation = sigmoid\n"
             "[data]\ndirectory = tests/sample\nvalidation = %s\n"
             "[train]\nbatch = 4\nsteps_per_epoch = 5\nvalidation_steps = 2\nepochs = 1\n"
             "[search]\ntrials = 2\n[space]\ntrain.learning_rate = 1e-3 | 1e-2\n",
             validation);
    return space_of(text);
}

static void a_signal_between_trials_is_heard(void **state)
{
    (void)state;
    space *s = two_trials("0.2");
    points p = draw(s, 2);
    trials t = {.space = s, .points = &p};
    must(directory_make(scratch_path("search")));
    signal_comes_with(SIGTERM, "trial %ld: loss");
    assert_int_equal(search_run(opened, s, scratch_path("search")), -1);
    assert_null(signal_at);
    assert_error(STATUS_SIGTERM, "trial 2", "unblend search --resume");
    assert_false(directory_exists(scratch_path("search/trials/002")));
    must(search_run(opened, s, scratch_path("search")));
    must(trials_read(&t, scratch_path("search")));
    assert_int_equal(t.count, 2);
    trials_release(&t);
    points_release(&p);
    space_free(s);
}

/* A share that holds out one of 2,000 images is validation, for the record of trials too. */
static void a_tiny_share_is_validation(void **state)
{
    (void)state;
    space *s = two_trials("0.0004");
    points p = draw(s, 2);
    trials t = {.space = s, .points = &p};
    must(directory_make(scratch_path("share")));
    must(search_run(opened, s, scratch_path("share")));
    must(trials_read(&t, scratch_path("share")));
    assert_int_equal(t.count, 2);
    for (size_t i = 0; i < t.count; i++) {
        assert_int_equal(t.items[i].status, TRIAL_DONE);
        assert_true(isfinite(t.items[i].val_loss));
    }
    trials_release(&t);
    points_release(&p);
    space_free(s);
}

/* ---- Time ---- */

/* The limit passes at any look at the clock: each epoch that is recorded has steps, and there is a
 * model. */
static void no_epoch_is_without_steps(void **state)
{
    (void)state;
    static const overrides limited = {"train.time_limit=60", "train.epochs=2",
                                      "train.steps_per_epoch=2", "train.validation_steps=1"};
    bool ended_early = false, ended_late = false;
    for (long look = 1, all = 1; look <= all; look++) {
        training t = open_training("limited", false, limited);
        looks = 0;
        jumps_at = look;
        must(trainer_run(t.trainer));
        jumps_at = 0;
        all = looks;
        const history *h = trainer_history(t.trainer);
        assert_true(h->count > 0);
        for (size_t i = 0; i < h->count; i++) {
            assert_true(h->epochs[i].steps > 0);
            assert_true(h->epochs[i].loss[0] > 0);
        }
        assert_true(file_exists(scratch_path("limited/" MODEL_NAME)));
        ended_early = ended_early || h->count == 1;
        ended_late = ended_late || h->count == 2;
        close_training(&t);
    }
    assert_true(ended_early && ended_late);
}

/* ---- The record of a trial ---- */

/* The trainer was killed after a later rung, the search before it took note: the trial is recorded as
 * after the earlier one. */
static void a_trial_is_judged_by_its_rung(void **state)
{
    (void)state;
    settings *one = settings_of((overrides){"train.epochs=1"});
    settings *three = settings_of((overrides){"train.epochs=3"});
    trial early = {.number = 1}, late = {.number = 1}, again = {.number = 1};
    must(trial_run(opened, one, scratch_path("trial"), &early));
    must(trial_run(opened, three, scratch_path("trial"), &late));
    must(trial_run(opened, one, scratch_path("trial"), &again));
    assert_int_equal(early.epochs, 1);
    assert_int_equal(late.epochs, 3);
    assert_int_equal(late.steps, 15);
    assert_true(late.val_loss != early.val_loss);
    assert_int_equal(again.epochs, 1);
    assert_int_equal(again.steps, 5);
    assert_int_equal(again.best_epoch, 1);
    assert_true(again.loss == early.loss && again.val_loss == early.val_loss);
    settings_free(one);
    settings_free(three);
}

/* Of four, two go on to the second rung and one of them to the third, each from its checkpoint. */
static void rungs_go_on_from_checkpoints(void **state)
{
    (void)state;
    space *s = space_of("[model]\nfilters = 2\nmodules = 2\nconvolutions = 1\n"
                        "activation = sigmoid\n[data]\ndirectory = tests/sample\n"
                        "[train]\nbatch = 4\nsteps_per_epoch = 3\nvalidation_steps = 1\n"
                        "epochs = 4\n[search]\nstrategy = halving\ntrials = 4\neta = 2\n"
                        "[space]\ntrain.learning_rate = 1e-3 .. 1e-2\n");
    must(directory_make(scratch_path("rungs")));
    resumed = 0;
    must(search_run(opened, s, scratch_path("rungs")));
    assert_int_equal(resumed, 2 + 1);
    assert_false(file_exists(scratch_path("rungs/trials/001/" CHECKPOINT_NAME)));
    space_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_validation),
        cmocka_unit_test(a_signal_does_not_cost_the_last_epoch),
        cmocka_unit_test(a_signal_at_the_end_is_heard),
        cmocka_unit_test(a_signal_between_trials_is_heard),
        cmocka_unit_test(a_tiny_share_is_validation),
        cmocka_unit_test(no_epoch_is_without_steps),
        cmocka_unit_test(a_trial_is_judged_by_its_rung),
        cmocka_unit_test(rungs_go_on_from_checkpoints),
    };
    return cmocka_run_group_tests_name("stopped", tests, open_for_trainings, close_after_trainings);
}
