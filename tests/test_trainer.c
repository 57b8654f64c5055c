/*
 * Whole trainings on sets whose answer is known, their numbers computed again by other ways, and seeds
 * and settings that must make a difference, or none.
 */
#include "drawn_pictures.h"
#include "read_picture.h"
#include "trainings.h"
#include "two_sources.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/streams.h"
#include "data/idx.h"
#include "evaluate/evaluate.h"
#include "models/model_file.h"
#include "models/trained.h"
#include "train/averages.h"
#include <jansson.h>
#include <math.h>

enum { SIDE = 32, PIXELS = SIDE * SIDE, IMAGES = 40 };

/* ---- Sets whose answer is known ---- */

static void write_set(const char *name, struct image_set *set)
{
    char path[600];
    must(directory_make(scratch_path(name)));
    snprintf(path, sizeof path, "%s/%s/train-images-idx3-ubyte", scratch, name);
    must(idx_write_images(path, set));
    image_set_release(set);
}

static char known_directory[600];

/* A training on them. */
#define KNOWN(...)                                                                                 \
    (overrides)                                                                                    \
    {                                                                                              \
        known_directory, "data.sources=white,noise", "train.steps_per_epoch=60",                   \
            "train.learning_rate=0.03", __VA_ARGS__                                                \
    }

/* All images of the first are white, each pixel of the second's has any value: the mixture says
 * which. */
static void write_known_sets(void)
{
    struct image_set white = {IMAGES, {SIDE, SIDE, 1}, allocate(IMAGES, PIXELS)};
    struct image_set noise = {IMAGES, {SIDE, SIDE, 1}, allocate(IMAGES, PIXELS)};
    unsigned random = 1;
    assert_true(white.pixels && noise.pixels);
    memset(white.pixels, 255, (size_t)IMAGES * PIXELS);
    for (int i = 0; i < IMAGES * PIXELS; i++) {
        random = random * 1664525 + 1013904223;
        noise.pixels[i] = (unsigned char)(random >> 24);
    }
    snprintf(known_directory, sizeof known_directory, "data.directory=%s", scratch);
    write_set("white", &white);
    write_set("noise", &noise);
}

/* A network with the weights of a training's model file. */
static trained model_of(const training *t, int batch)
{
    model_file file;
    trained model;
    char *path = path_join(t->run, MODEL_NAME);
    assert_non_null(path);
    must(model_open(path, NULL, 0, &file));
    must(trained_open(&model, opened, t->settings, file.tensors, path, batch, NETWORK_INFER));
    model_close(&file);
    free(path);
    return model;
}

/* The mean of each output for a mixture that is gray all over. */
static void mean_outputs(const training *t, double mean[SOURCES])
{
    static float values[PIXELS];
    trained model = model_of(t, 1);
    must(buffer_fill(opened, model.network->input->data, 0.75f, 0, sizeof values));
    must(network_forward(model.network));
    for (int i = 0; i < SOURCES; i++) {
        must(read_one_source(opened, model.network->output->data, i, values, PIXELS));
        mean[i] = 0;
        for (int k = 0; k < PIXELS; k++)
            mean[i] += values[k] / PIXELS;
    }
    trained_close(&model);
}

/* What history.json has of the last epoch: "loss" or "val_loss" of the source of that name. */
static double recorded(const training *t, const char *column, const char *name)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", t->run, HISTORY_JSON);
    json_t *root = json_load_file(path, 0, NULL), *epochs = json_object_get(root, "epochs");
    json_t *last = json_array_get(epochs, json_array_size(epochs) - 1);
    json_t *value = json_object_get(json_object_get(last, column), name);
    assert_true(json_is_real(value));
    double number = json_real_value(value);
    json_decref(root);
    return number;
}

static void each_head_learns_its_source(void **state)
{
    (void)state;
    double mean[SOURCES];
    write_known_sets();
    training t = trained_in("known", false, KNOWN("train.epochs=2"));
    mean_outputs(&t, mean);
    if (!(mean[0] > 0.8 && mean[1] > 0.3 && mean[1] < 0.7))
        fail_msg("the outputs are %g and %g on average, and not near to 1 and 0.5", mean[0],
                 mean[1]);
    close_training(&t);
}

/* ---- Validation, computed again ---- */

static void recompute(const training *t, enum split split, double mse[SOURCES])
{
    trained model = model_of(t, TINY_BATCH);
    batches *pairs;
    evaluator *e;
    must(batches_open(&pairs, opened, &t->settings->data, 1, false));
    must(evaluator_new(&e, model.network, pairs));
    must(evaluator_run(e, split, 1, STREAM_VALIDATION, 0, 2 * TINY_BATCH, mse));
    evaluator_free(e);
    batches_close(pairs);
    trained_close(&model);
}

static void validation_is_of_held_out_pairs_by_the_saved_model(void **state)
{
    (void)state;
    training t = trained_in("validated", false, (overrides){"train.epochs=2"});
    const epoch_record *last = &trainer_history(t.trainer)->epochs[1];
    double held_out[SOURCES], others[SOURCES];
    recompute(&t, SPLIT_VALIDATION, held_out);
    recompute(&t, SPLIT_TRAIN, others);
    for (int i = 0; i < SOURCES; i++) {
        assert_true(last->val_loss[i] == held_out[i]);
        assert_true(last->val_loss[i] != others[i]);
    }
    close_training(&t);
}

/* Not even moving averages move. */
static void validation_changes_no_bit(void **state)
{
    (void)state;
    train("with", false, (overrides){"train.validation_steps=2"});
    train("without", false, (overrides){"train.validation_steps=0"});
    assert_true(same_tensors("with", "without", CHECKPOINT_NAME));
}

/* The averaged weights are validated and saved, but the others are trained on. */
static void averaging_leaves_the_training_alone(void **state)
{
    (void)state;
    train("plain", false, (overrides){"train.average=0"});
    train("averaged", false, (overrides){"train.average=0.9"});
    assert_true(same_tensors("plain", "averaged", CHECKPOINT_NAME));
    safetensors *model = file_of("averaged", MODEL_NAME);
    safetensors *checkpoint = file_of("averaged", CHECKPOINT_NAME);
    size_t averages = 0;
    for (size_t i = 0; i < safetensors_count(model); i++) {
        const struct stored_tensor *mine = safetensors_at(model, i);
        char name[128];
        snprintf(name, sizeof name, "average/%s", mine->name);
        const struct stored_tensor *average = safetensors_find(checkpoint, name);
        if (!average) /* moving statistics have none */
            continue;
        averages++;
        assert_memory_equal(mine->data, average->data, stored_bytes(mine));
    }
    assert_true(averages > 0);
    assert_false(same_tensors("plain", "averaged", MODEL_NAME));
    safetensors_free(model);
    safetensors_free(checkpoint);
}

/* ---- The best epoch ---- */

static double column(const epoch_record *e, bool validation)
{
    const double *from = validation ? e->val_loss : e->loss;
    return from[0] + from[1];
}

/* Counted from 1. */
static long lowest(const history *h, bool validation)
{
    size_t best = 0;
    for (size_t i = 1; i < h->count; i++)
        if (column(&h->epochs[i], validation) < column(&h->epochs[best], validation))
            best = i;
    return (long)best + 1;
}

/* Two epochs, then one at a rate that ruins everything: the model is the best one's, which a training
 * that ends there leaves too. */
static void the_best_epoch_is_kept(void **state)
{
    (void)state;
    long best;
    char epochs[32];
    write_known_sets();
    train("best", false, KNOWN("train.keep=best", "train.epochs=2"));
    training t = trained_in("best", true, KNOWN("train.keep=best", "train.learning_rate=10"));
    trainer_best(t.trainer, &best);
    assert_int_equal(trainer_history(t.trainer)->count, 3);
    assert_int_equal(best, lowest(trainer_history(t.trainer), true));
    assert_int_not_equal(best, 3);
    close_training(&t);
    snprintf(epochs, sizeof epochs, "train.epochs=%ld", best);
    train("ended", false, KNOWN(epochs));
    assert_true(same_tensors("ended", "best", MODEL_NAME));
    train("last", false, KNOWN("train.epochs=2"));
    train("last", true, KNOWN("train.learning_rate=10"));
    assert_false(same_tensors("last", "best", MODEL_NAME));
}

static void judged_by(const char *monitor, const char *steps, bool validation)
{
    long epoch;
    training t = trained_in("monitored", false, (overrides){monitor, steps});
    const history *h = trainer_history(t.trainer);
    double best = trainer_best(t.trainer, &epoch);
    assert_int_equal(epoch, lowest(h, validation));
    assert_true(best == column(&h->epochs[epoch - 1], validation));
    assert_true(best != column(&h->epochs[epoch - 1], !validation));
    for (size_t i = 0; i < h->count; i++)
        assert_true(trainer_monitored(t.trainer, &h->epochs[i]) ==
                    column(&h->epochs[i], validation));
    close_training(&t);
}

static void the_monitored_loss_decides(void **state)
{
    (void)state;
    judged_by("train.monitor=val_loss", "train.validation_steps=2", true);
    judged_by("train.monitor=loss", "train.validation_steps=2", false);
    judged_by("train.monitor=val_loss", "train.validation_steps=0", false);
}

/* ---- Seeds ---- */

static void seeds_draw_other_weights(void **state)
{
    (void)state;
    static const char *const seeds[] = {"train.seed=1", "train.seed=1", "train.seed=2"};
    static const char *const runs[] = {"seed-1", "seed-1-again", "seed-2"};
    for (int i = 0; i < 3; i++)
        train(runs[i], false,
              (overrides){seeds[i], "train.epochs=1", "train.steps_per_epoch=1",
                          "train.learning_rate=1e-30", "train.validation_steps=0"});
    assert_true(same_tensors("seed-1", "seed-1-again", MODEL_NAME));
    safetensors *one = file_of("seed-1", MODEL_NAME), *two = file_of("seed-2", MODEL_NAME);
    size_t kernels = 0;
    for (size_t i = 0; i < safetensors_count(one); i++) {
        const struct stored_tensor *mine = safetensors_at(one, i);
        const struct stored_tensor *other = safetensors_find(two, mine->name);
        assert_non_null(other);
        if (!strstr(mine->name, "kernel"))
            continue;
        kernels++;
        assert_memory_not_equal(mine->data, other->data, stored_bytes(mine));
    }
    assert_true(kernels > 0);
    safetensors_free(one);
    safetensors_free(two);
}

/* ---- Steps ---- */

/* A stepper and what it steps on. */
typedef struct steps {
    settings *settings;
    dataset *sets[SOURCES];
    batches *batches;
    params *params;
    network *network, *validation;
    stepper *stepper;
} steps;

static steps open_steps(const overrides more)
{
    steps t = {.settings = settings_of(more)};
    int batch = t.settings->train.batch;
    for (int i = 0; i < SOURCES; i++)
        must(source_open(&t.sets[i], &t.settings->data, i, DATASET_TRAINING));
    must(batches_open_sets(&t.batches, opened, &t.settings->data, (uint64_t)t.settings->train.seed,
                           t.sets));
    must(params_new(&t.params, opened));
    must(network_new(&t.network, t.params, t.settings, batch, NETWORK_TRAIN));
    must(network_new(&t.validation, t.params, t.settings, batch, NETWORK_INFER));
    must(params_allocate(t.params, true));
    must(params_initialize(t.params, (unsigned long)t.settings->train.seed));
    must(network_prepare(t.network));
    must(network_prepare(t.validation));
    must(stepper_new(&t.stepper, t.batches, t.network, &t.settings->train));
    return t;
}

static void close_steps(steps *t)
{
    stepper_free(t->stepper);
    network_free(t->validation);
    network_free(t->network);
    params_free(t->params);
    batches_close(t->batches);
    for (int i = 0; i < SOURCES; i++)
        dataset_close(t->sets[i]);
    settings_free(t->settings);
}

/* The pixels of the image without its border are those of picture `number` of the split. */
static bool shows(const float *image, const batches *b, int source, int number)
{
    static unsigned char pixels[PIXELS];
    const batches_source *from = &b->sources[source];
    const dataset *set = from->set;
    int width = set->format.width, border = (SIDE - width) / 2;
    must(read_picture(set, from->order[number], pixels));
    for (int y = 0; y < set->format.height; y++)
        for (int x = 0; x < width; x++)
            if ((int)(image[(y + border) * SIDE + x + border] * 255 + 0.5f) !=
                pixels[y * width + x])
                return false;
    return true;
}

/* Step k trains on the pairs k * batch and on, A's image as the truth of A. */
static void steps_go_through_the_pairs_in_order(void **state)
{
    (void)state;
    static float images[TINY_BATCH * PIXELS];
    steps t = open_steps((overrides){"train.seed=5"});
    step_sums sums = {0};
    int counts[SOURCES], numbers[SOURCES];
    for (int i = 0; i < SOURCES; i++)
        counts[i] = batches_count(t.batches, SPLIT_TRAIN, i);
    for (unsigned long step = 0; step < 3; step++) {
        must(stepper_step(t.stepper, 1e-3, 1, &sums));
        for (int i = 0; i < SOURCES; i++) {
            must(read_one_source(opened, t.network->truth->data, i, images, TINY_BATCH * PIXELS));
            for (unsigned long n = 0; n < TINY_BATCH; n++) {
                drawn_pictures(counts, SOURCES, 5, STREAM_TRAIN, step * TINY_BATCH + n, numbers);
                assert_true(shows(images + n * PIXELS, t.batches, i, numbers[i]));
            }
        }
        assert_int_equal(t.network->plan->run.seed, 5); /* dropout's */
        assert_int_equal(t.network->plan->run.step, step + 1);
    }
    must(stepper_drain(t.stepper, &sums));
    assert_int_equal(sums.steps, 3);
    close_steps(&t);
}

/* Without batch norms, which see one batch at a time: a step of two batches of 4 is one of 8. */
static void several_batches_are_a_large_one(void **state)
{
    (void)state;
    float *values[2];
    size_t floats = 0;
    for (int i = 0; i < 2; i++) {
        steps t = open_steps((overrides){"model.batch_norm=false", "train.batch_last=8",
                                         i ? "train.batch=8" : "train.batch=4",
                                         "train.learning_rate=0.1"});
        step_sums sums = {0};
        for (int step = 0; step < 2; step++)
            must(stepper_step(t.stepper, 0.1, i ? 1 : 2, &sums));
        must(stepper_drain(t.stepper, &sums));
        assert_int_equal(sums.steps, 2);
        assert_int_equal(sums.batches, i ? 2 : 4);
        floats = t.params->trainable_floats;
        values[i] = malloc(floats * sizeof(float));
        assert_non_null(values[i]);
        must(buffer_read(opened, t.params->values, 0, values[i], floats * sizeof(float)));
        close_steps(&t);
    }
    for (size_t i = 0; i < floats; i++)
        assert_true(fabsf(values[0][i] - values[1][i]) <= 1e-4f);
    free(values[0]);
    free(values[1]);
}

/* The mean squared error of a source in the last step, from outputs and truths. */
static double error_of(const steps *t, int source)
{
    static float output[TINY_BATCH * PIXELS], truth[TINY_BATCH * PIXELS];
    const network *n = t->network;
    double sum = 0;
    must(read_one_source(opened, n->output->data, source, output, TINY_BATCH * PIXELS));
    must(read_one_source(opened, n->truth->data, source, truth, TINY_BATCH * PIXELS));
    for (int i = 0; i < TINY_BATCH * PIXELS; i++)
        sum += ((double)output[i] - truth[i]) * ((double)output[i] - truth[i]);
    return sum / (TINY_BATCH * PIXELS);
}

/* A training's history has the mean of the steps' errors, each under its source's name. */
static void losses_are_those_of_the_steps(void **state)
{
    (void)state;
    enum { STEPS = 5 };
    double sums[SOURCES] = {0};
    step_sums reported = {0};
    steps t = open_steps((overrides){"train.seed=5"});
    for (int step = 0; step < STEPS; step++) {
        must(stepper_step(t.stepper, 1e-3, 1, &reported));
        for (int i = 0; i < SOURCES; i++)
            sums[i] += error_of(&t, i) / STEPS;
    }
    close_steps(&t);
    training trained = trained_in(
        "recorded", false, (overrides){"train.seed=5", "data.names=one,other", "train.epochs=1"});
    double one = recorded(&trained, "loss", "one"), other = recorded(&trained, "loss", "other");
    assert_float_equal(one, sums[0], 1e-5 * one);
    assert_float_equal(other, sums[1], 1e-5 * other);
    assert_true(fabs(one - other) > 1e-3 * other);
    const epoch_record *epoch = &trainer_history(trained.trainer)->epochs[0];
    assert_true(recorded(&trained, "val_loss", "one") == epoch->val_loss[0]);
    assert_true(recorded(&trained, "val_loss", "other") == epoch->val_loss[1]);
    close_training(&trained);
}

/* ---- Moving averages ---- */

static void each_epoch_has_its_rate(void **state)
{
    (void)state;
    training t = trained_in("rates", false,
                            (overrides){"train.schedule=step", "train.rate_every=1",
                                        "train.rate_factor=0.5", "train.learning_rate=0.01"});
    const history *h = trainer_history(t.trainer);
    assert_int_equal(h->count, 3);
    for (size_t i = 0; i < h->count; i++)
        assert_float_equal(h->epochs[i].learning_rate, 0.01 * pow(0.5, (double)i), 1e-12);
    close_training(&t);
}

static void averages_warm_up(void **state)
{
    (void)state;
    assert_float_equal(averages_decay(0.99, true, 0), 0.1, 1e-12);
    assert_float_equal(averages_decay(0.99, true, 20), 0.7, 1e-12);
    for (long steps = 0; steps < 5000; steps++) {
        double kept = averages_decay(0.99, true, steps);
        assert_true(kept <= averages_decay(0.99, true, steps + 1));
        assert_true(steps < 1000 || fabs(kept - 0.99) <= 1e-4);
        assert_true(averages_decay(0.99, false, steps) == 0.99);
    }
    assert_true(averages_decay(0.05, true, 0) == 0.05); /* never slower than asked for */
}

/* Step by step, and from the step on where a training is resumed. */
static void the_stepper_tells_batch_norms(void **state)
{
    (void)state;
    static const long begins[] = {0, 1, 7, 888, 889, 890, 5000};
    static const char *const begin[] = {"train.moving_averages=keras",
                                        "train.moving_averages=warm"};
    for (int warm = 0; warm < 2; warm++) {
        steps t = open_steps((overrides){begin[warm]});
        assert_true(t.network->plan->run.norm_momentum == KERAS_NORM_MOMENTUM);
        for (size_t i = 0; i < COUNT(begins); i++) {
            step_sums sums = {0};
            double rising = (1.0 + (double)begins[i]) / (10.0 + (double)begins[i]);
            t.stepper->batches_done = begins[i];
            must(stepper_step(t.stepper, 1e-3, 1, &sums));
            must(stepper_drain(t.stepper, &sums));
            assert_float_equal(t.network->plan->run.norm_momentum,
                               warm && rising < 0.99 ? rising : 0.99, 1e-7);
        }
        close_steps(&t);
    }
}

/* The mean loss of held-out pairs, with the statistics of their own batches; moving averages move. */
static double loss_in_training(steps *t, int count, int batch)
{
    network *n = t->network;
    double sum = 0;
    for (int i = 0; i < count; i++) {
        must(batches_next(t->batches, SPLIT_VALIDATION, 1, STREAM_VALIDATION, (uint64_t)(i * batch),
                          batch, n->input->data, n->truth->data));
        must(plan_forward(n->plan));
        float losses[SOURCES];
        must(buffer_read(opened, n->losses->data, 0, losses, sizeof losses));
        sum += losses[0] + losses[1];
    }
    return sum / count;
}

/* Validation after 20 steps, over what the same pairs have as training batches. */
static double validation_ratio(const char *begin, const char *seed)
{
    enum { BATCHES = 20, BATCH = 16 };
    steps t = open_steps((overrides){"model.filters=4", "model.modules=3", "model.convolutions=2",
                                     "model.activation=relu", "train.batch=16", begin, seed});
    step_sums sums = {0};
    evaluator *e;
    double mse[SOURCES];
    must(evaluator_new(&e, t.validation, t.batches));
    for (int i = 0; i < 20; i++)
        must(stepper_step(t.stepper, 1e-3, 1, &sums));
    must(stepper_drain(t.stepper, &sums));
    must(evaluator_run(e, SPLIT_VALIDATION, 1, STREAM_VALIDATION, 0, BATCHES * BATCH, mse));
    double ratio = (mse[0] + mse[1]) / loss_in_training(&t, BATCHES, BATCH);
    evaluator_free(e);
    close_steps(&t);
    return ratio;
}

/* How far from 1 that is, whatever it starts from: the median of three seeds. */
static double median_deviation(const char *begin)
{
    static const char *const seeds[] = {"train.seed=1", "train.seed=2", "train.seed=3"};
    double off[COUNT(seeds)];
    for (size_t i = 0; i < COUNT(seeds); i++) {
        double value = fabs(validation_ratio(begin, seeds[i]) - 1);
        size_t at = i;
        for (; at > 0 && off[at - 1] > value; at--)
            off[at] = off[at - 1];
        off[at] = value;
    }
    return off[COUNT(seeds) / 2];
}

static void validation_is_of_use_after_twenty_steps(void **state)
{
    (void)state;
    double warm = median_deviation("train.moving_averages=warm");
    double keras = median_deviation("train.moving_averages=keras");
    if (!(warm <= 0.2))
        fail_msg("validation is %.2f off the loss of training batches", warm);
    if (!(keras > warm))
        fail_msg("Keras' averages are not worse (%.2f, %.2f)", keras, warm);
}

/* ---- The checkpoint ---- */

/* Every field of the state has a value of its own. */
static void the_whole_state_comes_back(void **state)
{
    (void)state;
    steps t = open_steps((overrides){NULL});
    train_state read = {0},
                written = {.epoch = 7,
                           .frozen_as = 3,
                           .first_step = 11,
                           .sums = {.steps = 13, .batches = 21, .loss = {0.1, 1.0 / 3}},
                           .seconds = 2.0 / 3,
                           .elapsed = 700.0 / 3,
                           .schedule = {.rate = 0.7, .best = 0.9, .wait = 17, .resting = 19},
                           .stopping = {.best = 1.1, .best_epoch = 5, .wait = 23},
                           .history = 6};
    t.stepper->step = 29;
    t.stepper->batches_done = 31;
    must(checkpoint_write(scratch, t.stepper, &written));
    t.stepper->step = t.stepper->optimizer->step = t.stepper->batches_done = 0;
    must(checkpoint_read(scratch, t.stepper, t.settings, &read));
    assert_int_equal(t.stepper->step, 29);
    assert_int_equal(t.stepper->optimizer->step, 29);
    assert_int_equal(t.stepper->batches_done, 31);
    assert_memory_equal(&read, &written, sizeof read);
    close_steps(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_head_learns_its_source),
        cmocka_unit_test(validation_is_of_held_out_pairs_by_the_saved_model),
        cmocka_unit_test(validation_changes_no_bit),
        cmocka_unit_test(averaging_leaves_the_training_alone),
        cmocka_unit_test(the_best_epoch_is_kept),
        cmocka_unit_test(the_monitored_loss_decides),
        cmocka_unit_test(seeds_draw_other_weights),
        cmocka_unit_test(steps_go_through_the_pairs_in_order),
        cmocka_unit_test(several_batches_are_a_large_one),
        cmocka_unit_test(losses_are_those_of_the_steps),
        cmocka_unit_test(each_epoch_has_its_rate),
        cmocka_unit_test(averages_warm_up),
        cmocka_unit_test(the_stepper_tells_batch_norms),
        cmocka_unit_test(validation_is_of_use_after_twenty_steps),
        cmocka_unit_test(the_whole_state_comes_back),
    };
    log_set_level(LOG_QUIET);
    return cmocka_run_group_tests_name("trainer", tests, open_for_trainings, close_after_trainings);
}
