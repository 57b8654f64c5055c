/*
 * What a recipe can have beside a rate and a number of epochs: a batch that grows, Muon, a budget in
 * minutes, a first model, a loss that is enough. All go on after a break as if there had been none.
 */
#include "trainings.h"

#include "base/clock.h"
#include "models/model_file.h"
#include <math.h>
#include <string.h>

/* The tiny network has no matrices; this one has, and drops out too. */
#define MATRICES                                                                                   \
    "model.filters=16", "train.optimizer=muon", "model.consistent=true", "train.batch_last=16"

static const struct history *history_of(const training *t)
{
    return trainer_history(t->trainer);
}

/* ---- A growing batch ---- */

/* Epochs of 5 steps: 5 batches, then 5 times 2 and 5 times 4. */
static void more_batches_make_later_steps(void **state)
{
    (void)state;
    training t = open_training("growing", false, (overrides){"train.batch_last=16"});
    must(trainer_run(t.trainer));
    safetensors *file = file_of("growing", CHECKPOINT_NAME);
    const char *text = safetensors_metadata(file, "state");
    assert_non_null(strstr(text, "\"step\":15,"));
    assert_non_null(strstr(text, "\"batches\":35,"));
    safetensors_free(file);
    for (size_t i = 0; i < history_of(&t)->count; i++)
        assert_int_equal(history_of(&t)->epochs[i].steps, 5);
    close_training(&t);
}

static void a_broken_run_goes_on_to_the_bit(void **state)
{
    (void)state;
    train("whole", false, (overrides){MATRICES});
    training t = open_training("broken", false, (overrides){MATRICES, "train.stop_loss=1000"});
    must(trainer_run(t.trainer)); /* enough after one epoch */
    assert_int_equal(history_of(&t)->count, 1);
    close_training(&t);
    train("broken", true, (overrides){MATRICES});
    assert_true(same_tensors("whole", "broken", CHECKPOINT_NAME));
    assert_true(same_tensors("whole", "broken", MODEL_NAME));
}

static void muon_is_another_optimizer(void **state)
{
    (void)state;
    train("muon", false, (overrides){MATRICES});
    train("adam", false, (overrides){MATRICES, "train.optimizer=adam"});
    train("beta", false, (overrides){MATRICES, "train.optimizer=adam", "train.beta_2=0.9"});
    assert_false(same_tensors("muon", "adam", MODEL_NAME));
    assert_false(same_tensors("adam", "beta", MODEL_NAME));
}

/* ---- A budget ---- */

#define SHORT                                                                                      \
    "train.minutes=0.02", "train.schedule=cosine", "train.rate_min=0", "train.steps_per_epoch=100"

/* 1.2 seconds, in however many epochs; the rate is 0 at the end. */
static void minutes_end_the_training(void **state)
{
    (void)state;
    double begun = clock_seconds();
    training t = open_training("minutes", false, (overrides){SHORT, "train.epochs=1"});
    must(trainer_run(t.trainer));
    const struct history *h = history_of(&t);
    assert_true(clock_seconds() - begun >= 1.2);
    assert_true(h->count >= 1);
    assert_true(h->epochs[h->count - 1].learning_rate < 1e-5);
    close_training(&t);
    t = open_training("minutes", true, (overrides){SHORT});
    size_t before = history_of(&t)->count;
    must(trainer_run(t.trainer)); /* the time is over */
    assert_int_equal(history_of(&t)->count, before);
    close_training(&t);
}

/* The time before a break counts: of 3 seconds, 1 is over. */
static void minutes_go_on_after_a_break(void **state)
{
    (void)state;
    const overrides begin = {SHORT, "train.minutes=0.05", "train.time_limit=1"},
                    rest = {SHORT, "train.minutes=0.05"};
    train("later", false, begin);
    double begun = clock_seconds();
    training t = open_training("later", true, rest);
    must(trainer_run(t.trainer));
    double took = clock_seconds() - begun;
    assert_true(took < 2.9);
    const struct history *h = history_of(&t);
    assert_true(h->epochs[h->count - 1].learning_rate < 1e-5);
    close_training(&t);
}

/* ---- A first model ---- */

static void training_starts_from_a_model(void **state)
{
    char path[700];
    (void)state;
    train("first", false, (overrides){"train.seed=5"});
    snprintf(path, sizeof path, "train.start_from=%s/first/" MODEL_NAME, scratch);
    train("second", false, (overrides){path, "train.learning_rate=1e-12", "train.epochs=1"});
    safetensors *a = file_of("first", MODEL_NAME), *b = file_of("second", MODEL_NAME);
    for (size_t i = 0; i < safetensors_count(a); i++) {
        const struct stored_tensor *mine = safetensors_at(a, i);
        const float *x = mine->data, *y = safetensors_find(b, mine->name)->data;
        for (size_t k = 0; k < stored_elements(mine) && !strstr(mine->name, "moving"); k++)
            assert_true(fabsf(x[k] - y[k]) <= 1e-6f);
    }
    safetensors_free(a);
    safetensors_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_batches_make_later_steps),
        cmocka_unit_test(a_broken_run_goes_on_to_the_bit),
        cmocka_unit_test(muon_is_another_optimizer),
        cmocka_unit_test(minutes_end_the_training),
        cmocka_unit_test(minutes_go_on_after_a_break),
        cmocka_unit_test(training_starts_from_a_model),
    };
    return cmocka_run_group_tests_name("recipe", tests, open_for_trainings, close_after_trainings);
}
