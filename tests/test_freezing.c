/*
 * Training a part of the parameters: patterns in the settings, what they freeze in which epoch, breaks at
 * every change, fresh moments, rates of groups, and beginning with a part of another model.
 */
#include "trainings.h"

#include "models/freezing.h"
#include "models/model_file.h"
#include "models/network.h"
#include "settings_cases.h"
#include <math.h>
#include <string.h>

/* ---- Settings ---- */

static const char scheduled[] = "[train]\n"
                                "epochs = 30\n"
                                "freeze = encoder*, heads/*\n"
                                "[unfreeze]\n"
                                "5 = encoder2/*, 'heads*' ; and more\n"
                                "010 = *\n"
                                "[freeze]\n"
                                "20 = \tencoder1*\n"
                                "[rate]\n"
                                "encoder* = \"0.1\"\n"
                                "encoder2/conv?/kernel = 1e-2\n";

static void a_schedule_is_read_and_written(void **state)
{
    (void)state;
    settings *s = parsed(scheduled);
    for (int round = 0; round < 2; round++) {
        const struct freezing_config *f = &s->freezing;
        assert_int_equal(s->train.freeze_count, 2);
        assert_string_equal(s->train.freeze[1], "heads/*");
        assert_int_equal(f->unfreeze_count, 2);
        assert_string_equal(f->unfreeze[0], "5=encoder2/*, heads*");
        assert_string_equal(f->unfreeze[1], "10=*");
        assert_int_equal(f->freeze_count, 1);
        assert_string_equal(f->freeze[0], "20=encoder1*");
        assert_int_equal(f->rate_count, 2);
        assert_string_equal(f->rates[1], "encoder2/conv?/kernel=1e-2");
        char *text = settings_ini(s);
        settings_free(s);
        s = parsed(text);
        free(text);
    }
    settings_free(s);
}

static void overrides_add_replace_and_remove(void **state)
{
    static const char *const more[] = {"unfreeze.7=a*", "unfreeze.5=b*",   "unfreeze.10=",
                                       "unfreeze.3=c*", "rate.encoder*=2", "freeze.every=30"};
    settings *s = NULL;
    (void)state;
    if (settings_parse(&s, scheduled, "x.ini", more, COUNT(more)))
        fail_msg("%s", error_message());
    assert_int_equal(s->freezing.unfreeze_count, 3);
    assert_string_equal(s->freezing.unfreeze[0], "3=c*");
    assert_string_equal(s->freezing.unfreeze[1], "5=b*");
    assert_string_equal(s->freezing.unfreeze[2], "7=a*");
    assert_string_equal(s->freezing.rates[0], "encoder*=2"); /* before what is narrower */
    assert_int_equal(s->freezing.every, 30);
    settings_free(s);
}

/* A trial that a search has cut short is a model, too. */
static void a_model_may_have_ended_sooner(void **state)
{
    static const char text[] = "[train]\nepochs = 1\n[freeze]\n1 = a*\n[unfreeze]\n4 = a*\n";
    settings *s;
    (void)state;
    assert_int_equal(settings_parse(&s, text, "x.ini", NULL, 0), -1);
    must(settings_parse_trained(&s, text, "x.ini", NULL, 0));
    assert_string_equal(s->freezing.unfreeze[0], "4=a*");
    settings_free(s);
    must(settings_parse_alone(&s, text, "x.ini"));
    settings_free(s);
}

static void bad_schedules_are_refused(void **state)
{
    (void)state;
    refused("[unfreeze]\n7 = a*\n5 = b*\n[train]\nepochs = 9\n",
            "x.ini:3: unfreeze.5 comes after unfreeze.7; put epochs in order");
    refused("[unfreeze]\n7 = a*\n07 = b*\n",
            "x.ini:3: unfreeze.7 comes after unfreeze.7; put epochs in order");
    refused("[unfreeze]\n7 = a*\n7 = b*\n", "x.ini:3: 7 is set twice, first on line 2; remove one");
    refused("[train]\nepochs = 9\n[unfreeze]\n5 = a*\n10 = b*\n",
            "x.ini:5: unfreeze.10 is never reached: train.epochs is 9");
    refused("[train]\nepochs = 9\n[freeze]\nevery = 4\n[unfreeze]\n5 = a*\n",
            "x.ini:6: unfreeze.5 is never reached: the schedule restarts every 4 epochs");
    refused("[freeze]\n0 = a*\n",
            "x.ini:2: 0 is not an epoch; the keys of [freeze] are epochs (1 or more) and `every`");
    refused(
        "[freeze]\nevry = 2\n",
        "x.ini:2: evry is not an epoch; the keys of [freeze] are epochs (1 or more) and `every`");
    refused("[freeze]\n1 =\n", "x.ini:2: freeze.1 = (nothing): too few items (allowed: 1 to 32, "
                               "separated by commas: text of at most 900 bytes)");
    refused(
        "[freeze]\n1 = Encoder*\n",
        "x.ini:2: freeze.1 = Encoder*: not a valid pattern of parameter names (allowed: EPOCH = "
        "PATTERN, PATTERN ...)");
    refused("[train]\nfreeze = a*, b c\n",
            "x.ini:2: train.freeze: b c is not a valid pattern of parameter names");
    refused("[rate]\nencoder* = 0\n",
            "x.ini:2: rate.encoder* = 0: out of range (allowed: PATTERN = "
            "NUMBER above 0, to 1000)");
    refused("[rate]\nencoder* = fast\n", "x.ini:2: rate.encoder* = fast: not a number (allowed: "
                                         "PATTERN = NUMBER above 0, to 1000)");
    refused("[train]\nstart_only = a*\n", "x.ini:2: train.start_only needs train.start_from");
    override_refused("rate.[e]ncoder*=1", "--set: [e]ncoder* is not a valid pattern of parameter "
                                          "names; the keys of [rate] are such patterns");
    override_refused("unfreeze.101=a*",
                     "--set: unfreeze.101 is never reached: train.epochs is 100");
}

/* ---- What is frozen when ---- */

static bool is_frozen(const settings *s, long epoch, const char *name)
{
    params *rules;
    must(freezing_params(&rules, NULL, s, epoch));
    bool frozen = params_freezes(rules, name);
    params_free(rules);
    return frozen;
}

static void epochs_follow_the_schedule(void **state)
{
    (void)state;
    settings *s = parsed(scheduled);
    for (long epoch = 1; epoch <= 30; epoch++) {
        assert_int_equal(is_frozen(s, epoch, "encoder1/conv1/kernel"), epoch < 10 || epoch >= 20);
        assert_int_equal(is_frozen(s, epoch, "encoder2/conv1/kernel"), epoch < 5);
        assert_int_equal(is_frozen(s, epoch, "heads/bias"), epoch < 5);
        assert_false(is_frozen(s, epoch, "decoder1/conv1/kernel"));
        assert_int_equal(freezing_since(s, epoch), epoch < 5    ? 1
                                                   : epoch < 10 ? 5
                                                   : epoch < 20 ? 10
                                                                : 20);
    }
    settings_free(s);
}

static void cycles_begin_anew(void **state)
{
    (void)state;
    settings *s = parsed("[train]\nepochs = 9\nfreeze = a*\n[unfreeze]\nevery = 3\n2 = *\n"
                         "[freeze]\n3 = b*\n");
    for (long epoch = 1; epoch <= 9; epoch++) {
        long in_cycle = (epoch - 1) % 3 + 1;
        assert_int_equal(is_frozen(s, epoch, "a1"), in_cycle == 1);
        assert_int_equal(is_frozen(s, epoch, "b1"), in_cycle == 3);
        assert_int_equal(freezing_since(s, epoch), epoch);
    }
    settings_free(s);
}

/* STATUS_USAGE with both texts. */
static void check_refused(const overrides more, const char *one, const char *other)
{
    settings *s = settings_of(more);
    trainer *t = NULL;
    error_clear();
    assert_int_equal(trainer_new(&t, opened, s, scratch, false), -1);
    if (!strstr(error_message(), one) || !strstr(error_message(), other))
        fail_msg("%s", error_message());
    settings_free(s);
}

static void patterns_must_match(void **state)
{
    (void)state;
    check_refused((overrides){"train.freeze=encodr*"},
                  "train.freeze: no parameter name matches encodr*", "did you mean encoder*?");
    check_refused((overrides){"unfreeze.3=encoder1/conf1/*"}, "unfreeze.3: no parameter name",
                  "did you mean encoder1/conv1*?");
    check_refused((overrides){"freeze.2=quite-something-else"}, "freeze.2: no parameter name",
                  "unblend info");
    check_refused((overrides){"rate.head=2"}, "[rate]: no parameter name", "did you mean heads*?");
    check_refused((overrides){"train.freeze=*"}, "in epoch 1 all parameters are frozen", "");
    check_refused((overrides){"freeze.2=*"}, "in epoch 2 all parameters are frozen", "");
}

/* ---- Trainings ---- */

/* Matrices too (MATRIX_LEAST filters), two optimizers, averages; something changes before every epoch. */
#define CHANGING                                                                                   \
    "model.filters=16", "train.freeze=encoder*, decoder1/conv1/*", "unfreeze.2=*",                 \
        "freeze.2=encoder1/*", "freeze.every=2", "train.average=0.9"

static const char *const optimizers[] = {"train.optimizer=adam", "train.optimizer=muon"};

static void a_break_at_any_change_leaves_no_trace(void **state)
{
    static const char *const stops[] = {"train.epochs=2", "train.epochs=3", "train.epochs=4",
                                        "train.epochs=5"};
    (void)state;
    for (size_t o = 0; o < COUNT(optimizers); o++) {
        train("whole", false, (overrides){CHANGING, optimizers[o], "train.epochs=5"});
        for (size_t i = 0; i < COUNT(stops); i++)
            train("broken", i > 0, (overrides){CHANGING, optimizers[o], stops[i]});
        assert_true(same_tensors("whole", "broken", CHECKPOINT_NAME));
        assert_true(same_tensors("whole", "broken", MODEL_NAME));
    }
}

/* A tensor of the models of two runs. */
typedef struct both {
    safetensors *a, *b;
    const struct stored_tensor *one, *other;
} both;

static both open_both(const char *run_a, const char *run_b, const char *name)
{
    both t = {.a = file_of(run_a, MODEL_NAME), .b = file_of(run_b, MODEL_NAME)};
    t.one = safetensors_find(t.a, name);
    t.other = safetensors_find(t.b, name);
    assert_non_null(t.one);
    assert_non_null(t.other);
    return t;
}

static void close_both(both *t)
{
    safetensors_free(t->a);
    safetensors_free(t->b);
}

/* Whether the two models have the same bits in the parameter of that name. */
static bool same_tensor(const char *run_a, const char *run_b, const char *name)
{
    both t = open_both(run_a, run_b, name);
    bool same = !memcmp(t.one->data, t.other->data, stored_bytes(t.one));
    close_both(&t);
    return same;
}

static void what_is_frozen_stays(void **state)
{
    (void)state;
    train("one", false, (overrides){"train.epochs=1", "train.freeze=encoder*"});
    train("two", false, (overrides){"train.epochs=2", "train.freeze=encoder*"});
    train("three", false, (overrides){"train.freeze=encoder*", "unfreeze.3=encoder2*"});
    static const char *const of_encoder[] = {"encoder1/conv1/kernel", "encoder1/norm1/gamma",
                                             "encoder1/norm1/moving_mean",
                                             "encoder1/norm1/moving_variance"};
    for (size_t i = 0; i < COUNT(of_encoder); i++) {
        assert_true(same_tensor("one", "two", of_encoder[i]));
        assert_true(same_tensor("one", "three", of_encoder[i]));
    }
    assert_true(same_tensor("one", "two", "encoder2/conv1/kernel"));
    assert_false(same_tensor("one", "three", "encoder2/conv1/kernel"));
    assert_false(same_tensor("one", "three", "encoder2/norm1/moving_mean"));
    assert_false(same_tensor("one", "two", "decoder1/conv1/kernel"));
}

/* The largest difference of a parameter between two models. */
static double largest_move(const char *run_a, const char *run_b, const char *name)
{
    both t = open_both(run_a, run_b, name);
    const float *x = t.one->data, *y = t.other->data;
    double largest = 0;
    for (size_t i = 0; i < stored_elements(t.one); i++)
        largest = fmax(largest, fabs((double)x[i] - (double)y[i]));
    close_both(&t);
    return largest;
}

/* Adam's first step moves what has a gradient by the learning rate, whenever that step is; moments that are
 * not corrected as such would make it 3.2 times that. */
static void freed_parameters_begin_with_fresh_moments(void **state)
{
    (void)state;
    const overrides still = {"train.freeze=encoder*", "train.steps_per_epoch=1", "train.epochs=3"},
                    freed = {"train.freeze=encoder*", "train.steps_per_epoch=1", "train.epochs=4",
                             "unfreeze.4=*"};
    train("still", false, still);
    train("freed", false, freed);
    double move = largest_move("still", "freed", "encoder1/conv1/kernel");
    if (!(move > 0.99e-3 && move < 1.01e-3))
        fail_msg("a step of %g", move);
    safetensors *file = file_of("freed", CHECKPOINT_NAME);
    assert_non_null(strstr(safetensors_metadata(file, "state"), "\"encoder1/conv1/kernel\":3"));
    assert_null(strstr(safetensors_metadata(file, "state"), "\"heads/"));
    safetensors_free(file);
}

/* What is frozen stays as it was judged: at its average, if there is one. */
static void frozen_parameters_keep_their_average(void **state)
{
    (void)state;
    const overrides before = {"train.average=0.9", "train.epochs=2", "train.learning_rate=0.01"},
                    after = {"train.average=0.9", "train.epochs=4", "train.learning_rate=0.01",
                             "freeze.3=encoder*"};
    train("before", false, before);
    train("after", false, after);
    assert_true(same_tensor("before", "after", "encoder1/conv1/kernel"));
    assert_false(same_tensor("before", "after", "decoder1/conv1/kernel"));
}

/* And what is freed begins with what it is as its average. */
static void freed_parameters_have_an_average(void **state)
{
    (void)state;
#define SLOWLY "train.average=0.999", "train.moving_averages=keras", "train.freeze=encoder*"
    train("still", false, (overrides){SLOWLY, "train.epochs=2"});
    train("freed", false, (overrides){SLOWLY, "train.epochs=3", "unfreeze.3=*"});
#undef SLOWLY
    double move = largest_move("still", "freed", "encoder1/conv1/kernel");
    if (!(move > 0 && move < 1e-3))
        fail_msg("the average moves by %g", move);
}

/* A schedule that names epochs without freezing anything else is no schedule. */
static void changes_of_nothing_change_nothing(void **state)
{
    (void)state;
    train("plain", false, (overrides){"train.freeze=encoder1/*"});
    train("named", false,
          (overrides){"train.freeze=encoder1/*", "freeze.2=encoder1/conv1/*", "freeze.every=2"});
    assert_true(same_tensors("plain", "named", MODEL_NAME));
}

static void groups_have_rates_of_their_own(void **state)
{
    (void)state;
    train("base", false,
          (overrides){"train.steps_per_epoch=1", "train.epochs=1", "train.learning_rate=1e-12"});
    train("rates", false,
          (overrides){"train.steps_per_epoch=1", "train.epochs=1", "rate.encoder*=0.5",
                      "rate.encoder2*=0.125"});
    const struct {
        const char *name;
        double move;
    } cases[] = {{"encoder1/conv1/kernel", 0.5e-3},
                 {"encoder2/conv1/kernel", 0.125e-3},
                 {"decoder1/conv1/kernel", 1e-3}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        double move = largest_move("base", "rates", cases[i].name);
        if (!(fabs(move / cases[i].move - 1) < 0.01))
            fail_msg("%s moves by %g", cases[i].name, move);
    }
}

/* Muon's matrices too: with as good as no rate they stay where they are. */
static void matrices_have_rates_of_their_own(void **state)
{
    (void)state;
    const char *const wide = "model.filters=16", *const muon = "train.optimizer=muon";
    train("base", false, (overrides){wide, muon, "train.epochs=1", "train.freeze=encoder2*"});
    train("rates", false, (overrides){wide, muon, "train.epochs=1", "rate.encoder2*=1e-9"});
    assert_true(largest_move("base", "rates", "encoder2/conv1/kernel") < 1e-7);
    train("full", false, (overrides){wide, muon, "train.epochs=1"});
    assert_true(largest_move("base", "full", "encoder2/conv1/kernel") > 1e-3);
}

static void the_history_says_how_many_are_trained(void **state)
{
    (void)state;
    training t =
        trained_in("history", false,
                   (overrides){"train.freeze=encoder*", "unfreeze.2=encoder2*", "unfreeze.3=*"});
    const history *h = trainer_history(t.trainer);
    for (size_t i = 0; i < 3; i++) {
        params *p;
        network *n;
        must(freezing_params(&p, NULL, t.settings, (long)i + 1));
        must(network_new(&n, p, t.settings, TINY_BATCH, NETWORK_TRAIN));
        assert_int_equal(h->epochs[i].trainable, params_trainable(p));
        assert_true(i == 0 || h->epochs[i].trainable > h->epochs[i - 1].trainable);
        network_free(n);
        params_free(p);
    }
    close_training(&t);
}

/* ---- A first model ---- */

static char from[700];

static void make_first_model(const char *run, const overrides more)
{
    train(run, false, more);
    snprintf(from, sizeof from, "train.start_from=%s/%s/" MODEL_NAME, scratch, run);
}

/* After a step of as good as no length. */
#define AT_REST "train.learning_rate=1e-12", "train.epochs=1", "train.steps_per_epoch=1"

static void a_part_of_a_model_can_be_taken(void **state)
{
    (void)state;
    make_first_model("first", (overrides){"train.seed=5", "train.epochs=1"});
    train("random", false, (overrides){AT_REST});
    train("part", false, (overrides){AT_REST, from, "train.start_only=encoder1/*, heads*"});
    assert_true(largest_move("first", "part", "encoder1/conv1/kernel") < 1e-6);
    assert_true(largest_move("first", "part", "heads/kernel") < 1e-6);
    assert_true(largest_move("random", "part", "encoder2/conv1/kernel") < 1e-6);
    assert_true(largest_move("random", "part", "encoder1/conv1/kernel") > 1e-3);
}

static void what_fits_can_be_taken(void **state)
{
    (void)state;
    make_first_model("first", (overrides){"train.seed=5", "train.epochs=1"});
    const overrides deeper = {AT_REST, from, "model.convolutions=2", "train.start_mismatch=skip"};
    train("deeper", false, deeper);
    assert_true(largest_move("first", "deeper", "encoder2/conv1/kernel") < 1e-6);
    safetensors *file = file_of("deeper", MODEL_NAME);
    assert_non_null(safetensors_find(file, "encoder2/conv2/kernel"));
    safetensors_free(file);
}

static void mismatches_are_refused_and_named(void **state)
{
    (void)state;
    make_first_model("first", (overrides){"train.epochs=1"});
    check_refused((overrides){from, "model.convolutions=2"},
                  "train.start_from: ", "missing: 18 (encoder1/conv2/kernel");
    check_refused((overrides){from, "model.filters=3"},
                  "different shape: 21 (encoder1/conv1/kernel", "train.start_mismatch = skip");
    check_refused((overrides){from, "model.modules=1"}, "unexpected: ", "");
    check_refused((overrides){from, "train.start_only=encodr*"},
                  "train.start_only: no parameter name matches encodr*", "did you mean encoder*?");
    check_refused((overrides){from, "model.architecture=unet-transformer", "model.filters=2",
                              "data.size=32x32"},
                  "does not match this network: ", "a unet, while [model] is a unet-transformer");
    check_refused((overrides){"train.start_from=nothing-there"}, "train.start_from",
                  "nothing-there: no such file");
}

/* What is trained behind a model, the model itself being frozen, and then with it. */
static void a_stage_can_be_added(void **state)
{
    (void)state;
    make_first_model("first", (overrides){"train.seed=5", "train.epochs=1"});
#define BEHIND                                                                                     \
    from, "stage.2.filters=2", "stage.2.modules=2", "stage.2.skips=false",                         \
        "stage.2.reads=previous", "train.freeze=*", "unfreeze.1=stage2/*"
    train("behind", false, (overrides){BEHIND, "train.epochs=2"});
    assert_true(same_tensor("first", "behind", "encoder1/conv1/kernel"));
    assert_true(same_tensor("first", "behind", "decoder1/norm1/moving_variance"));
    train("behind", true, (overrides){BEHIND, "unfreeze.3=*"});
    assert_false(same_tensor("first", "behind", "encoder1/conv1/kernel"));
    check_refused((overrides){BEHIND, "model.filters=3"}, "does not match this network",
                  "different shape: 21 (encoder1/conv1/kernel");
#undef BEHIND
}

static void resuming_with_another_past_is_refused(void **state)
{
    (void)state;
    const overrides then = {"train.freeze=encoder*", "train.epochs=2"},
                    now = {"train.freeze=encoder1/*", "train.epochs=3"};
    train("past", false, then);
    settings *s = settings_of(now);
    trainer *t;
    char run[700];
    snprintf(run, sizeof run, "%s/past", scratch);
    assert_int_equal(trainer_new(&t, opened, s, run, true), -1);
    assert_non_null(strstr(error_message(), "including what was frozen so far"));
    settings_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schedule_is_read_and_written),
        cmocka_unit_test(overrides_add_replace_and_remove),
        cmocka_unit_test(a_model_may_have_ended_sooner),
        cmocka_unit_test(bad_schedules_are_refused),
        cmocka_unit_test(epochs_follow_the_schedule),
        cmocka_unit_test(cycles_begin_anew),
        cmocka_unit_test(patterns_must_match),
        cmocka_unit_test(a_break_at_any_change_leaves_no_trace),
        cmocka_unit_test(what_is_frozen_stays),
        cmocka_unit_test(freed_parameters_begin_with_fresh_moments),
        cmocka_unit_test(frozen_parameters_keep_their_average),
        cmocka_unit_test(changes_of_nothing_change_nothing),
        cmocka_unit_test(freed_parameters_have_an_average),
        cmocka_unit_test(groups_have_rates_of_their_own),
        cmocka_unit_test(matrices_have_rates_of_their_own),
        cmocka_unit_test(the_history_says_how_many_are_trained),
        cmocka_unit_test(a_part_of_a_model_can_be_taken),
        cmocka_unit_test(what_fits_can_be_taken),
        cmocka_unit_test(mismatches_are_refused_and_named),
        cmocka_unit_test(a_stage_can_be_added),
        cmocka_unit_test(resuming_with_another_past_is_refused),
    };
    return cmocka_run_group_tests_name("freezing", tests, open_for_trainings,
                                       close_after_trainings);
}
