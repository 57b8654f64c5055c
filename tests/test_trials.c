/* What becomes of a search's points: the rungs of halving, and the record of trials. Needs no device. */
#include "base/files.h"
#include "search/rungs.h"
#include "search_spaces.h"
#include <math.h>

/* ---- Rungs ---- */

static void halving_arithmetic(void **state)
{
    (void)state;
    space *s = space_of("[train]\nepochs = 10\n[search]\nstrategy = halving\n[space]\n"
                        "train.learning_rate = 1e-4 .. 1e-2\n");
    assert_int_equal(rungs_last(s), 2);
    const long epochs[] = {1, 3, 10}, sizes[] = {36, 12, 4};
    for (long rung = 0; rung < 3; rung++) {
        assert_int_equal(rung_epochs(s, rung), epochs[rung]);
        assert_int_equal(rung_size(s, 36, rung), sizes[rung]);
    }
    assert_int_equal(rung_size(s, 2, 2), 1); /* there is always one that goes on */
    s->strategy = STRATEGY_RANDOM;
    assert_int_equal(rungs_last(s), 0);
    assert_int_equal(rung_epochs(s, 0), 10);
    space_free(s);
}

static trials nine_trials(space **s, points *p)
{
    *s = space_of("[train]\nepochs = 9\n[search]\nstrategy = halving\n[space]\n"
                  "train.learning_rate = 1e-4 .. 1e-2\n");
    *p = draw(*s, 9);
    trials t = {.space = *s, .points = p};
    for (long number = 1; number <= 9; number++) {
        trial entry = {.number = number,
                       .epochs = 1,
                       .best_epoch = 1,
                       .loss = 0.5,
                       .val_loss = number % 2 ? (double)number : 1.0 / (double)number};
        assert_true(rung_awaits(&t, 0, number));
        assert_int_equal(trials_put(&t, &entry), 0);
        assert_false(rung_awaits(&t, 0, number));
    }
    return t;
}

/* Which trials a rung awaits, as digits. */
static const char *awaited(const trials *t, long rung)
{
    static char digits[16];
    char *end = digits;
    for (long number = 1; number <= 9; number++)
        if (rung_awaits(t, rung, number))
            *end++ = (char)('0' + number);
    *end = '\0';
    return digits;
}

static void put(trials *t, long number, long rung, enum trial_status status, double val_loss)
{
    trial entry = {.number = number, .rung = rung, .status = status, .val_loss = val_loss};
    assert_int_equal(trials_put(t, &entry), 0);
}

static void discard(trials *t, points *p, space *s)
{
    trials_release(t);
    points_release(p);
    space_free(s);
}

/* The best go on; who does is not changed by how those fare who went before. */
static void the_best_go_on(void **state)
{
    (void)state;
    space *s;
    points p;
    trials t = nine_trials(&s, &p); /* in order: 8, 6, 4, 2, 1, 3, 5, 7, 9 */
    assert_string_equal(awaited(&t, 1), "468");
    put(&t, 6, 1, TRIAL_DONE, 0.01);
    assert_string_equal(awaited(&t, 1), "48");
    put(&t, 8, 1, TRIAL_DIVERGED, NAN);
    assert_string_equal(awaited(&t, 1), "4");
    put(&t, 4, 1, TRIAL_DONE, 0.9);
    assert_string_equal(awaited(&t, 1), "");
    assert_string_equal(awaited(&t, 2), "6");
    put(&t, 6, 2, TRIAL_DONE, 0.009);
    assert_string_equal(awaited(&t, 2), "");
    assert_int_equal(trials_best(&t)->number, 6);
    discard(&t, &p, s);
}

/* A place that nobody has earned stays empty. */
static void who_failed_does_not_go_on(void **state)
{
    (void)state;
    space *s;
    points p;
    trials t = nine_trials(&s, &p); /* in order: 8, 6, 4, 2, 1, 3, 5, 7, 9 */
    for (long number = 1; number <= 9; number++)
        if (number != 4 && number != 8)
            put(&t, number, 0, number % 2 ? TRIAL_MEMORY : TRIAL_DIVERGED, NAN);
    assert_string_equal(awaited(&t, 1), "48");
    discard(&t, &p, s);
}

/* ---- The record ---- */

static void the_record_is_sorted_and_reads_back(void **state)
{
    (void)state;
    space *s;
    points p;
    trials t = nine_trials(&s, &p), again = {.space = s, .points = &p};
    put(&t, 8, 0, TRIAL_MEMORY, NAN);
    put(&t, 6, 0, TRIAL_DIVERGED, 0.0001);
    const long order[] = {4, 2, 1, 3, 5, 7, 9, 6, 8};
    assert_int_equal(trials_write(&t, scratch), 0);
    assert_int_equal(trials_read(&again, scratch), 0);
    assert_int_equal(again.count, 9);
    for (size_t i = 0; i < 9; i++) {
        const trial *a = &t.items[i], *b = &again.items[i];
        assert_int_equal(a->number, order[i]);
        assert_int_equal(b->number, order[i]);
        assert_int_equal(a->status, b->status);
        assert_int_equal(a->epochs, b->epochs);
        assert_true(a->val_loss == b->val_loss || (isnan(a->val_loss) && isnan(b->val_loss)));
    }
    trials_release(&again);
    discard(&t, &p, s);
}

static void columns_have_their_values(void **state)
{
    (void)state;
    space *s = space_of("[space]\ntrain.batch = 7\n");
    points p = draw(s, 1);
    trials t = {.space = s, .points = &p}, again = t;
    const trial entry = {.number = 1,
                         .status = TRIAL_DONE,
                         .rung = 2,
                         .epochs = 3,
                         .loss = 0.25,
                         .val_loss = 0.5,
                         .best_epoch = 4,
                         .steps = 5,
                         .seconds = 6.75};
    unsigned char *table;
    size_t length;
    assert_int_equal(trials_put(&t, &entry), 0);
    assert_int_equal(trials_write(&t, scratch), 0);
    assert_int_equal(file_read(scratch_path("trials.csv"), 9999, STATUS_DATA, &table, &length), 0);
    assert_string_equal(
        table, "trial,status,rung,epochs,loss,val_loss,best_epoch,steps,seconds,train.batch\n"
               "1,done,2,3,0.25,0.5,4,5,6.75,7\n");
    assert_int_equal(trials_read(&again, scratch), 0);
    assert_int_equal(again.count, 1);
    const trial *read = &again.items[0];
    assert_int_equal(read->rung, 2);
    assert_int_equal(read->epochs, 3);
    assert_true(read->loss == 0.25 && read->val_loss == 0.5 && read->seconds == 6.75);
    assert_int_equal(read->best_epoch, 4);
    assert_int_equal(read->steps, 5);
    free(table);
    unlink(scratch_path("trials.csv"));
    unlink(scratch_path("trials.json"));
    trials_release(&again);
    discard(&t, &p, s);
}

static void odd_texts_are_recorded(void **state)
{
    (void)state;
    space *s = space_of("[space]\ndata.directory = \"it's \\x22a\\x22\\xFF\"\n");
    points p = draw(s, 5);
    trials t = {.space = s, .points = &p}, again = t;
    unsigned char *table;
    size_t length;
    put(&t, 1, 0, TRIAL_DONE, 0.5);
    assert_int_equal(trials_write(&t, scratch), 0);
    assert_int_equal(trials_read(&again, scratch), 0);
    assert_int_equal(again.count, 1);
    assert_int_equal(file_read(scratch_path("trials.csv"), 9999, STATUS_DATA, &table, &length), 0);
    assert_non_null(strstr((char *)table, ",\"it's \"\"a\"\"\xff\"\n"));
    free(table);
    unlink(scratch_path("trials.csv"));
    unlink(scratch_path("trials.json"));
    trials_release(&again);
    discard(&t, &p, s);
}

static void refuse_record(const space *s, const points *p, const char *text, const char *what)
{
    trials t = {.space = s, .points = p};
    scratch_file("trials.json", text, strlen(text));
    assert_int_equal(trials_read(&t, scratch), -1);
    assert_error(STATUS_DATA, "trials.json", what);
    trials_release(&t);
}

#define ENTRY(number, status, value)                                                               \
    "{\"trial\": " number ", \"status\": \"" status "\", \"rung\": 0, \"epochs\": 1, "             \
    "\"loss\": 0.1, \"val_loss\": null, \"best_epoch\": 1, \"steps\": 5, \"seconds\": 0.5, "       \
    "\"values\": {\"model.filters\": \"" value "\"}}"

static void damaged_records_are_refused(void **state)
{
    (void)state;
    space *s = space_of("[space]\nmodel.filters = 4\n");
    points p = draw(s, 5);
    trials t = {.space = s, .points = &p};
    const char *good = "{\"trials\": [" ENTRY("1", "done", "4") "]}";
    scratch_file("trials.json", good, strlen(good));
    assert_int_equal(trials_read(&t, scratch), 0);
    assert_int_equal(t.count, 1);
    trials_release(&t);
    refuse_record(s, &p, "{\"trials\": [", "not JSON");
    refuse_record(s, &p, "[]", "no list of trials");
    refuse_record(s, &p, "{\"trials\": [7]}", "cannot be understood");
    refuse_record(s, &p, "{\"trials\": [" ENTRY("0", "done", "4") "]}", "cannot be understood");
    refuse_record(s, &p, "{\"trials\": [" ENTRY("1", "odd", "4") "]}", "cannot be understood");
    refuse_record(s, &p, "{\"trials\": [" ENTRY("2", "done", "4") "]}", "more trials");
    refuse_record(s, &p, "{\"trials\": [" ENTRY("1", "done", "8") "]}", "other values");
    refuse_record(s, &p, "{\"trials\": [" ENTRY("1", "done", "4") ", " ENTRY("1", "done", "4") "]}",
                  "twice");
    unlink(scratch_path("trials.json"));
    points_release(&p);
    space_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halving_arithmetic),
        cmocka_unit_test(the_best_go_on),
        cmocka_unit_test(who_failed_does_not_go_on),
        cmocka_unit_test(the_record_is_sorted_and_reads_back),
        cmocka_unit_test(columns_have_their_values),
        cmocka_unit_test(odd_texts_are_recorded),
        cmocka_unit_test(damaged_records_are_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
