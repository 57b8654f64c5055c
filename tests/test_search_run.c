/* Whole searches, of tiny networks: one whose record stops anywhere goes on without losing or
 * repeating a trial, with rungs or without, and what fails is recorded or stops it. */
#include "base/files.h"
#include "base/log.h"
#include "compute/open_device.h"
#include "search/search.h"
#include "search/trials.h"
#include "search_spaces.h"

static device *opened;

static int open_for_searches(void **state)
{
    settings *s = NULL;
    int result =
        scratch_make(state) || settings_load(&s, NULL, NULL, 0) || open_device(&opened, &s->device);
    settings_free(s);
    return result ? -1 : 0;
}

static int close_after_searches(void **state)
{
    device_close(opened);
    return scratch_remove(state);
}

#define TINY                                                                                       \
    "[model]\nfilters = 2\nmodules = 2\nconvolutions = 1\nactivation = sigmoid\n"                  \
    "[data]\ndirectory = tests/sample\n"                                                           \
    "[train]\nbatch = 2\nsteps_per_epoch = 6\nvalidation_steps = 2\nepochs = 4\n"

static space *tiny_space(const char *strategy)
{
    char text[1024];
    snprintf(text, sizeof text,
             TINY "[search]\nstrategy = %s\ntrials = 6\neta = 2\n"
                  "[space]\ntrain.learning_rate = 1e-4 .. 1e-1 log\n[final]\ntrain.epochs = 2\n",
             strategy);
    return space_of(text);
}

/* The record without what the clock says, in order. */
static void read_record(const space *s, const char *run, trial out[6])
{
    points p = draw(s, s->trials);
    trials t = {.space = s, .points = &p};
    assert_int_equal(trials_read(&t, run), 0);
    assert_int_equal(t.count, 6);
    for (size_t i = 0; i < 6; i++) {
        out[i] = t.items[i];
        out[i].seconds = 0;
    }
    trials_release(&t);
    points_release(&p);
}

static void assert_same_record(const trial a[6], const trial b[6])
{
    for (int i = 0; i < 6; i++) {
        assert_int_equal(a[i].number, b[i].number);
        assert_int_equal(a[i].status, b[i].status);
        assert_int_equal(a[i].rung, b[i].rung);
        assert_int_equal(a[i].epochs, b[i].epochs);
        assert_int_equal(a[i].steps, b[i].steps);
        assert_int_equal(a[i].best_epoch, b[i].best_epoch);
        assert_true(a[i].loss == b[i].loss);
        assert_true(a[i].val_loss == b[i].val_loss);
    }
}

/* Leaves the record of a run as it was after `kept` of its trials had ended, and without the run
 * directories of those, which nothing needs again. */
static void cut_record(const space *s, const char *run, const trial whole[6], long kept)
{
    points p = draw(s, s->trials);
    trials t = {.space = s, .points = &p};
    char directory[1024];
    for (int i = 0; i < 6; i++) {
        if (whole[i].number > kept)
            continue;
        assert_int_equal(trials_put(&t, &whole[i]), 0);
        snprintf(directory, sizeof directory, "%s/trials/%03ld", run, whole[i].number);
        remove_tree(directory);
    }
    assert_int_equal(trials_write(&t, run), 0);
    trials_release(&t);
    points_release(&p);
}

static bool has_trial(const char *run, long number)
{
    char directory[1024];
    snprintf(directory, sizeof directory, "%s/trials/%03ld", run, number);
    return directory_exists(directory);
}

static void a_cut_record_goes_on(void **state)
{
    (void)state;
    space *s = tiny_space("random");
    char run[600];
    trial whole[6], resumed[6];
    snprintf(run, sizeof run, "%s/random", scratch);
    assert_int_equal(directory_make(run), 0);
    assert_int_equal(search_run(opened, s, run), 0);
    read_record(s, run, whole);
    for (int i = 0; i < 6; i++)
        assert_int_equal(whole[i].steps, 24);
    for (long kept = 6; kept >= 0; kept--) {
        cut_record(s, run, whole, kept);
        assert_int_equal(search_run(opened, s, run), 0);
        read_record(s, run, resumed);
        assert_same_record(whole, resumed);
        for (long number = 1; number <= 6; number++)
            assert_int_equal(has_trial(run, number), number > kept);
    }
    space_free(s);
}

/* Six of 1 epoch, three of 2, one of 4; who went on has what it has in a search without rungs. */
static void halving_goes_on_from_checkpoints(void **state)
{
    (void)state;
    space *s = tiny_space("halving"), *flat = tiny_space("random");
    char run[600], beside[600];
    trial halved[6], all[6];
    long epochs = 0;
    snprintf(run, sizeof run, "%s/halving", scratch);
    snprintf(beside, sizeof beside, "%s/beside", scratch);
    assert_int_equal(directory_make(run) || directory_make(beside), 0);
    assert_int_equal(search_run(opened, s, run), 0);
    assert_int_equal(search_run(opened, flat, beside), 0);
    read_record(s, run, halved);
    read_record(flat, beside, all);
    for (int i = 0; i < 6; i++) {
        epochs += halved[i].epochs;
        for (int k = 0; k < 6 && halved[i].epochs == 4; k++)
            if (all[k].number == halved[i].number)
                assert_true(all[k].val_loss == halved[i].val_loss && all[k].steps == 24);
    }
    assert_int_equal(epochs, 3 * 1 + 2 * 2 + 1 * 4);

    /* once more, from nothing but what the first has left of its trials, and from nothing */
    trial again[6];
    unlink(scratch_path("halving/trials.json"));
    assert_int_equal(search_run(opened, s, run), 0);
    read_record(s, run, again);
    assert_same_record(halved, again);
    cut_record(s, run, halved, 0);
    assert_int_equal(search_run(opened, s, run), 0);
    read_record(s, run, again);
    assert_same_record(halved, again);
    space_free(flat);
    space_free(s);
}

/* Weights that a tenfold rate and full decay multiply by -9 in each step overflow soon. */
static void a_diverging_trial_is_recorded(void **state)
{
    (void)state;
    space *s =
        space_of("[model]\nfilters = 2\nmodules = 2\nconvolutions = 1\nactivation = sigmoid\n"
                 "[data]\ndirectory = tests/sample\n"
                 "[train]\nbatch = 2\nsteps_per_epoch = 60\nvalidation_steps = 2\n"
                 "epochs = 2\noptimizer = adamw\nlearning_rate = 10\n"
                 "[space]\ntrain.weight_decay = 0 | 1\n[final]\ntrain.learning_rate = 1\n"
                 "train.epochs = 1\n");
    points p = draw(s, 2);
    trials t = {.space = s, .points = &p};
    settings *best;
    assert_int_equal(search_run(opened, s, scratch), 0);
    assert_int_equal(trials_read(&t, scratch), 0);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.items[0].status, TRIAL_DONE);
    assert_int_equal(t.items[1].status, TRIAL_DIVERGED);
    assert_int_equal(settings_load(&best, scratch_path("best.ini"), NULL, 0), 0);
    assert_true(best->train.weight_decay == 0);
    assert_true(best->train.learning_rate == 1);
    assert_int_equal(search_train_best(opened, scratch), 0);
    assert_true(file_exists(scratch_path("best/model.safetensors")));
    settings_free(best);
    trials_release(&t);
    points_release(&p);
    space_free(s);
}

/* On a device that has little memory. */
static void a_trial_too_large_is_recorded(void **state)
{
    (void)state;
    space *s =
        space_of("[model]\nfilters = 2\nmodules = 2\nconvolutions = 1\nactivation = sigmoid\n"
                 "[data]\ndirectory = tests/sample\n"
                 "[train]\nsteps_per_epoch = 6\nvalidation_steps = 2\nepochs = 1\n"
                 "[space]\ntrain.batch = 2 | 1024\n");
    points p = draw(s, 2);
    trials t = {.space = s, .points = &p};
    const cl_ulong whole = opened->info.global_memory;
    char run[600];
    snprintf(run, sizeof run, "%s/large", scratch);
    assert_int_equal(directory_make(run), 0);
    opened->info.global_memory = opened->allocated + (16 << 20);
    int result = search_run(opened, s, run);
    opened->info.global_memory = whole;
    assert_int_equal(result, 0);
    assert_int_equal(trials_read(&t, run), 0);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.items[0].status, TRIAL_DONE);
    assert_string_equal(p.items[t.items[0].number - 1].values[0], "2");
    assert_int_equal(t.items[1].status, TRIAL_MEMORY);
    trials_release(&t);
    points_release(&p);
    space_free(s);
}

static void other_failures_stop_the_search(void **state)
{
    (void)state;
    space *s = space_of("[data]\ndirectory = tests/nowhere\n[space]\nmodel.filters = 1 | 2\n");
    char run[600];
    snprintf(run, sizeof run, "%s/nowhere", scratch);
    assert_int_equal(directory_make(run), 0);
    assert_int_equal(search_run(opened, s, run), -1);
    assert_error(STATUS_DATA, "trial 1", "nowhere");
    assert_false(file_exists(scratch_path("nowhere/trials.json")));
    space_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_record_goes_on),
        cmocka_unit_test(halving_goes_on_from_checkpoints),
        cmocka_unit_test(a_diverging_trial_is_recorded),
        cmocka_unit_test(a_trial_too_large_is_recorded),
        cmocka_unit_test(other_failures_stop_the_search),
    };
    log_set_level(LOG_QUIET);
    return cmocka_run_group_tests(tests, open_for_searches, close_after_searches);
}
