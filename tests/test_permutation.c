/*
 * Sources that look alike (train.objective = permutation): for each picture the better order of the truths, in
 * the loss, in scores and in the panel. Two of the sources here are the same data set, so that a network whose
 * heads are swapped is as good as before.
 */
#include "base/rng.h"
#include "base/streams.h"
#include "check/image_scores.h"
#include "check/reference.h"
#include "command.h"
#include "evaluate/evaluate.h"
#include "image/scores.h"
#include "layers/assigner.h"
#include "models/trained.h"
#include "plot/pictures.h"
#include "trainings.h"

#include "gradient_check.h"

/* ---- The order ---- */

/* What becomes of truths beside outputs, both (n, h, w, sources * c). */
static void arrange(shape s, int sources, const float *output, const float *truth, float *arranged)
{
    size_t bytes = shape_count(s) * sizeof(float);
    cl_mem x, y, scratch;
    assigner a;
    must(buffer_new(opened, bytes, "outputs", &x));
    must(buffer_new(opened, bytes, "truths", &y));
    must(buffer_new(opened, assigner_scratch_bytes(s, sources), "scratch", &scratch));
    must(buffer_write(opened, x, 0, output, bytes));
    must(buffer_write(opened, y, 0, truth, bytes));
    must(assigner_prepare(&a, opened, s, sources));
    must(assigner_run(&a, opened, x, y, y, scratch));
    must(buffer_read(opened, y, 0, arranged, bytes));
    buffer_free(opened, &x);
    buffer_free(opened, &y);
    buffer_free(opened, &scratch);
}

static void the_nearest_order_is_taken_and_of_equal_ones_the_first(void **state)
{
    (void)state;
    static const struct {
        int sources;
        float output[4], truth[4], arranged[4];
    } cases[] = {
        {2, {1, 0}, {0, 1}, {1, 0}},
        {2, {0, 1}, {0, 1}, {0, 1}},
        {2, {0.5f, 0.5f}, {1, 0}, {1, 0}}, /* equal */
        {3, {1, 0.5f, 0}, {0.5f, 0, 1}, {1, 0.5f, 0}},
        {3, {0.5f, 0.5f, 0.5f}, {1, 0, 0.25f}, {1, 0, 0.25f}},
        {3, {0.5f, 0.5f, 1}, {1, 0, 0.25f}, {0, 0.25f, 1}}, /* two of six are equal */
        {3, {0, 1, 1}, {0.75f, 0.5f, 0}, {0, 0.75f, 0.5f}},
        {4, {0.25f, 0, 1, 0.5f}, {0, 0.25f, 0.5f, 1}, {0.25f, 0, 1, 0.5f}},
        {4, {0.5f, 0.5f, 0.5f, 0.5f}, {1, 0, 0.25f, 0.5f}, {1, 0, 0.25f, 0.5f}},
        {4, {0.5f, 1, 0.5f, 0.5f}, {0, 0.5f, 1, 0.25f}, {0, 1, 0.5f, 0.25f}},
        /* not each output's nearest: there is one of each */
        {2, {0.9f, 0.6f}, {1, 0}, {1, 0}},
        {2, {0.6f, 0.9f}, {1, 0}, {0, 1}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        float arranged[4];
        double output[4], truth[4], plain[4];
        struct reference_assignment r = {1, 1, (size_t)cases[i].sources, 1};
        arrange((shape){1, 1, 1, cases[i].sources}, cases[i].sources, cases[i].output,
                cases[i].truth, arranged);
        for (int k = 0; k < 4; k++) {
            output[k] = (double)cases[i].output[k];
            truth[k] = (double)cases[i].truth[k];
        }
        reference_assignment_forward(&r, output, truth, plain);
        for (int k = 0; k < cases[i].sources; k++) {
            assert_true(arranged[k] == cases[i].arranged[k]);
            assert_true(plain[k] == (double)cases[i].arranged[k]);
        }
    }
}

enum { ROWS = 11, COLUMNS = 13, PLACES = ROWS * COLUMNS };

static void fill(float *values, size_t count, unsigned seed)
{
    rng random = rng_start(seed, STREAM_CHECK);
    for (size_t i = 0; i < count; i++)
        values[i] = rng_uniform(&random);
}

/* Turns the sources of each pixel by one. */
static void turn(const float *from, int sources, int channels, float *to)
{
    for (int i = 0; i < PLACES * sources * channels; i++) {
        int k = i / channels % sources, first = i - k * channels;
        to[i] = from[first + (k + 1) % sources * channels];
    }
}

static void the_order_of_the_truths_does_not_matter(void **state)
{
    (void)state;
    static float output[PLACES * 12], truth[PLACES * 12], turned[PLACES * 12], a[PLACES * 12],
        b[PLACES * 12];
    for (int sources = 2; sources <= 4; sources++)
        for (int channels = 1; channels <= 3; channels += 2) {
            shape s = {1, ROWS, COLUMNS, sources * channels};
            size_t count = shape_count(s);
            fill(output, count, 1);
            fill(truth, count, 2);
            turn(truth, sources, channels, turned);
            arrange(s, sources, output, truth, a);
            arrange(s, sources, output, turned, b);
            assert_memory_equal(a, b, count * sizeof *a);
            assert_memory_not_equal(truth, turned, count * sizeof *a);
        }
}

/* Damage to one picture does not reach the next, which is in the wrong order. */
static void what_is_not_a_number_keeps_the_order_of_its_picture(void **state)
{
    (void)state;
    static const float damage[] = {NAN, INFINITY, -INFINITY, 1e30f};
    enum { VALUES = PLACES * 2 };
    static float output[2 * VALUES], truth[2 * VALUES], arranged[2 * VALUES];
    for (size_t i = 0; i < COUNT(damage); i++) {
        for (int k = 0; k < 2 * VALUES; k++) {
            output[k] = (float)(k % 2);
            truth[k] = (float)(1 - k % 2);
        }
        output[VALUES / 2 + 1] = damage[i];
        arrange((shape){2, ROWS, COLUMNS, 2}, 2, output, truth, arranged);
        assert_memory_equal(arranged, truth, VALUES * sizeof *truth);
        for (int k = VALUES; k < 2 * VALUES; k++)
            assert_true(arranged[k] == output[k]);
    }
}

/* ---- The objective ---- */

#define ALIKE "train.objective=permutation", "data.sources=mnist, mnist", "data.names=one, two"
static const overrides alike = {ALIKE},
                       three = {"train.objective=permutation",
                                "data.sources=mnist, fashion-mnist, mnist",
                                "data.names=one, two, three"},
                       fixed = {"data.sources=mnist, mnist", "data.names=one, two"};

typedef struct subject {
    settings *settings;
    params *params;
    network *network;
} subject;

static subject open_subject(const overrides more, int batch)
{
    subject s = {.settings = settings_of(more)};
    must(params_new(&s.params, opened));
    must(network_new(&s.network, s.params, s.settings, batch, NETWORK_TRAIN));
    must(params_allocate(s.params, true));
    must(params_initialize(s.params, 3));
    must(network_prepare(s.network));
    return s;
}

static void close_subject(subject *s)
{
    network_free(s->network);
    params_free(s->params);
    settings_free(s->settings);
}

static void draw_batch(const subject *s)
{
    batches *b;
    must(batches_open(&b, opened, &s->settings->data, 1, false));
    must(batches_next(b, SPLIT_TRAIN, 1, STREAM_TRAIN, 0, s->network->batch,
                      s->network->input->data, s->network->truth->data));
    batches_close(b);
}

static float *values_of(const tensor *t)
{
    size_t count = shape_count(t->shape);
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    must(buffer_read(opened, t->data, 0, values, count * sizeof *values));
    return values;
}

/* The sum of errors of an image's sources in an order. */
static double error_of(const mixture *m, const float *x, const float *y, const int order[])
{
    double sum = 0;
    for (int k = 0; k < m->sources; k++)
        sum += reference_mse(m->format, m->sources, x + k, y + order[k]);
    return sum;
}

static double least_error(const mixture *m, const float *x, const float *y)
{
    static const int orders[6][SOURCES_MAX] = {{0, 1, 2}, {1, 0, 2}, {0, 2, 1},
                                               {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    double least = INFINITY;
    for (int i = 0; i < (m->sources == 2 ? 2 : 6); i++)
        least = fmin(least, error_of(m, x, y, orders[i]));
    return least;
}

/* Of how many images does the order that is taken differ from the first? */
static int count_rearranged(const network *n)
{
    const tensor *arranged = graph_find(n->graph, "assignment");
    assert_non_null(arranged);
    float *a = values_of(arranged), *b = values_of(n->truth);
    size_t values = shape_count(n->truth->shape) / (size_t)n->batch;
    int count = 0;
    for (int i = 0; i < n->batch; i++)
        count += memcmp(a + (size_t)i * values, b + (size_t)i * values, values * sizeof *a) != 0;
    free(a);
    free(b);
    return count;
}

static void the_loss_is_that_of_each_picture_in_its_best_order(void **state)
{
    (void)state;
    enum { BATCH = 12 };
    for (int i = 0; i < 2; i++) {
        subject s = open_subject(i ? three : alike, BATCH);
        const mixture *m = &s.network->mixture;
        draw_batch(&s);
        double loss = total_loss(s.network, &s.settings->train), expected = 0;
        float *x = values_of(s.network->output), *y = values_of(s.network->truth);
        size_t values = shape_count(s.network->output->shape) / BATCH;
        for (size_t n = 0; n < BATCH; n++)
            expected += least_error(m, x + n * values, y + n * values) / BATCH;
        assert_true(fabs(loss - expected) <= 1e-5 * expected);
        int rearranged = count_rearranged(s.network);
        assert_true(rearranged > 0 && rearranged < BATCH);
        free(x);
        free(y);
        close_subject(&s);
    }
}

static void its_gradients_are_those_of_finite_differences(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        subject s = open_subject(i ? three : alike, TINY_BATCH);
        size_t checked = 0;
        draw_batch(&s);
        total_loss(s.network, &s.settings->train);
        must(plan_backward(s.network->plan));
        for (size_t k = 0; k < s.params->count; k++)
            if (s.params->items[k]->gradient) {
                check_gradient(s.network, &s.settings->train, s.params->items[k]);
                checked++;
            }
        assert_true(checked > 8);
        assert_true(count_rearranged(s.network) > 0);
        close_subject(&s);
    }
}

static void a_network_that_is_not_finite_has_no_finite_loss(void **state)
{
    (void)state;
    subject s = open_subject(alike, TINY_BATCH);
    draw_batch(&s);
    must(buffer_fill(opened, s.network->input->data, NAN, 0, sizeof(float)));
    assert_false(isfinite(total_loss(s.network, &s.settings->train)));
    close_subject(&s);
}

/* ---- Heads swapped ---- */

/* Of the parameter of two heads, whose values lie in pairs. */
static void swap_pairs(params *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++) {
        const param *of = p->items[i];
        if (strcmp(of->name, name))
            continue;
        float *values = malloc(of->count * sizeof *values);
        assert_non_null(values);
        must(buffer_read(opened, of->data, 0, values, of->count * sizeof *values));
        for (size_t k = 0; k < of->count; k += 2) {
            float first = values[k];
            values[k] = values[k + 1];
            values[k + 1] = first;
        }
        must(buffer_write(opened, of->data, 0, values, of->count * sizeof *values));
        free(values);
        return;
    }
    fail_msg("there is no %s", name);
}

/* The same network twice, the second time with its heads swapped. */
static const char *const models[2] = {"straight.safetensors", "swapped.safetensors"};
static const char *const fixed_model = "fixed.safetensors";

static void save(subject *s, const char *name)
{
    must(model_save(scratch_path(name), s->params, s->settings, &s->settings->data.mixture, NULL));
}

static int make_models(void **state)
{
    if (open_for_trainings(state))
        return -1;
    subject s = open_subject(alike, TINY_BATCH), other = open_subject(fixed, TINY_BATCH);
    save(&other, fixed_model);
    save(&s, models[0]);
    swap_pairs(s.params, "heads/kernel");
    swap_pairs(s.params, "heads/bias");
    save(&s, models[1]);
    close_subject(&s);
    close_subject(&other);
    return 0;
}

static bool close_to(double a, double b)
{
    return fabs(a - b) <= 1e-4 * fabs(b);
}

static training train_from(const char *run, const char *model, const char *objective)
{
    char start[700];
    snprintf(start, sizeof start, "train.start_from=%s", scratch_path(model));
    const overrides more = {ALIKE, "train.learning_rate=1e-2", start, objective};
    return trained_in(run, false, more);
}

static void a_training_does_not_care_which_output_is_which(void **state)
{
    (void)state;
    training straight = train_from("straight", models[0], NULL),
             swapped = train_from("swapped", models[1], NULL),
             strict = train_from("strict", models[1], "train.objective=squared_error");
    const history *a = trainer_history(straight.trainer), *b = trainer_history(swapped.trainer),
                  *c = trainer_history(strict.trainer);
    assert_int_equal(a->count, 3);
    for (size_t i = 0; i < 3; i++) {
        const epoch_record *one = &a->epochs[i], *two = &b->epochs[i];
        assert_true(close_to(one->total, two->total) && close_to(one->val_total, two->val_total));
        for (int k = 0; k < 2; k++)
            assert_true(close_to(one->loss[k], two->loss[1 - k]) &&
                        close_to(one->val_loss[k], two->val_loss[1 - k]));
    }
    assert_false(close_to(a->epochs[0].total, c->epochs[0].total));
    assert_true(a->epochs[0].total < c->epochs[0].total);
    close_training(&straight);
    close_training(&swapped);
    close_training(&strict);
}

/* ---- Scores ---- */

enum { SCORED = 10 }; /* the last batch is not full */

typedef struct opened_model {
    model_file file;
    trained trained;
    batches *batches;
} opened_model;

static opened_model open_model(const char *name)
{
    opened_model m;
    const char *path = scratch_path(name);
    must(model_open(path, NULL, 0, &m.file));
    must(trained_open(&m.trained, opened, m.file.settings, m.file.tensors, path, TINY_BATCH,
                      NETWORK_INFER));
    must(batches_open(&m.batches, opened, &m.file.settings->data, 1, true));
    return m;
}

static void close_model(opened_model *m)
{
    batches_close(m->batches);
    trained_close(&m->trained);
    model_close(&m->file);
}

static image_scores scores_of(const char *name)
{
    opened_model m = open_model(name);
    evaluator *e;
    image_scores scores;
    double mse[SOURCES_MAX];
    must(evaluator_new(&e, m.trained.network, m.batches));
    must(evaluator_scores(e, SPLIT_TEST, 3, STREAM_EVALUATE, 7, SCORED, &scores));
    must(evaluator_run(e, SPLIT_TEST, 3, STREAM_EVALUATE, 7, SCORED, mse));
    assert_memory_equal(mse, scores.mse, 2 * sizeof *mse);
    evaluator_free(e);
    close_model(&m);
    return scores;
}

/* Adds an image's scores; in the fixed order, or in the better one. Returns whether they are swapped. */
static bool add_image(const mixture *m, const float *x, const float *y, bool best,
                      image_scores *sums)
{
    static const int straight[] = {0, 1}, swapped[] = {1, 0};
    bool swap = best && error_of(m, x, y, swapped) < error_of(m, x, y, straight);
    const int *order = swap ? swapped : straight;
    for (int k = 0; k < 2; k++) {
        double mse = reference_mse(m->format, 2, x + k, y + order[k]);
        sums->mse[k] += mse / SCORED;
        sums->psnr[k] += image_psnr(mse) / SCORED;
        sums->ssim[k] += reference_ssim(m->format, 2, x + k, y + order[k]) / SCORED;
    }
    return swap;
}

/* Returns how many images are better the other way round. */
static int score_on_host(const char *name, bool best, image_scores *out)
{
    opened_model m = open_model(name);
    network *n = m.trained.network;
    cl_mem truths;
    tensor truth = *n->output;
    int swapped = 0;
    *out = (image_scores){0};
    must(buffer_new(opened, shape_count(truth.shape) * sizeof(float), "truths", &truths));
    truth.data = truths;
    for (uint64_t i = 0; i < SCORED; i++) {
        must(batches_next(m.batches, SPLIT_TEST, 3, STREAM_EVALUATE, 7 + i, TINY_BATCH,
                          n->input->data, truths));
        must(network_forward(n));
        float *x = values_of(n->output), *y = values_of(&truth);
        swapped += add_image(&n->mixture, x, y, best, out);
        free(x);
        free(y);
    }
    buffer_free(opened, &truths);
    close_model(&m);
    return swapped;
}

static void assert_scores(const image_scores *got, const image_scores *wanted)
{
    for (int k = 0; k < 2; k++) {
        assert_true(fabs(got->mse[k] - wanted->mse[k]) <= 1e-5 * wanted->mse[k]);
        assert_true(fabs(got->psnr[k] - wanted->psnr[k]) <= 1e-5);
        assert_true(fabs(got->ssim[k] - wanted->ssim[k]) <= 1e-5);
    }
}

static void each_picture_is_scored_in_its_better_order(void **state)
{
    (void)state;
    image_scores wanted, got = scores_of(models[0]), other = scores_of(models[1]);
    int swapped = score_on_host(models[0], true, &wanted);
    assert_true(swapped > 0 && swapped < SCORED);
    assert_scores(&got, &wanted);
    for (int k = 0; k < 2; k++) {
        assert_true(got.mse[k] == other.mse[1 - k]);
        assert_true(got.psnr[k] == other.psnr[1 - k]);
        assert_true(got.ssim[k] == other.ssim[1 - k]);
    }
}

/* No layer, no kernel, no change: the order is that of the truths. */
static void a_fixed_order_stays_as_it_is(void **state)
{
    (void)state;
    image_scores wanted, got = scores_of(fixed_model);
    score_on_host(fixed_model, false, &wanted);
    assert_scores(&got, &wanted);
    subject s = open_subject(fixed, TINY_BATCH);
    network *n = s.network;
    draw_batch(&s);
    float *before = values_of(n->truth);
    total_loss(n, &s.settings->train);
    must(network_arrange(n, n->truth->data));
    float *after = values_of(n->truth);
    assert_memory_equal(before, after, shape_count(n->truth->shape) * sizeof *before);
    assert_null(n->arrangement);
    assert_null(graph_find(n->graph, "assignment"));
    free(before);
    free(after);
    close_subject(&s);
}

/* ---- What is drawn and printed ---- */

/* The sum of all bytes of a model's panel. Truths and results are the same pictures, whatever their order;
 * errors are not. */
static long panel_sum(const char *model, const char *directory)
{
    opened_model m = open_model(model);
    struct image picture;
    char path[700];
    must(directory_make(scratch_path(directory)));
    must(
        picture_panel(opened, m.file.settings, m.file.tensors, model, scratch_path(directory), 60));
    snprintf(path, sizeof path, "%s/%s", scratch_path(directory), PANEL_PICTURE_NAME);
    must(image_read(path, 1, &picture));
    long sum = 0;
    for (long i = 0; i < (long)picture.width * picture.height; i++)
        sum += picture.pixels[i];
    image_release(&picture);
    close_model(&m);
    return sum;
}

static void the_panel_has_the_truths_beside_what_is_nearest(void **state)
{
    (void)state;
    long straight = panel_sum(models[0], "straight-panel"),
         swapped = panel_sum(models[1], "swapped-panel"), strict = panel_sum(fixed_model, "fixed");
    assert_int_equal(straight, swapped);
    assert_true(strict > straight);
}

static void assert_printed(const char *model, const char *option, const char *text, bool wanted)
{
    char words[1500], out[4096];
    snprintf(words, sizeof words, "evaluate '%s' --runs 1 --samples 5 %s", scratch_path(model),
             option);
    assert_int_equal(command_status(words), 0);
    FILE *in = fopen(scratch_path("out"), "r");
    assert_non_null(in);
    out[fread(out, 1, sizeof out - 1, in)] = '\0';
    fclose(in);
    if (wanted != (strstr(out, text) != NULL))
        fail_msg("%s %s: \"%s\" in\n%s", model, option, text, out);
}

static void evaluate_says_in_which_order_it_scored(void **state)
{
    (void)state;
    assert_printed(models[0], "--json", "\"assignment\": \"best\"", true);
    assert_printed(fixed_model, "--json", "\"assignment\": \"fixed\"", true);
    assert_printed(models[0], "", "\nscored in the better order of sources, for each picture\n",
                   true);
    assert_printed(fixed_model, "", "order", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_order_is_taken_and_of_equal_ones_the_first),
        cmocka_unit_test(the_order_of_the_truths_does_not_matter),
        cmocka_unit_test(what_is_not_a_number_keeps_the_order_of_its_picture),
        cmocka_unit_test(the_loss_is_that_of_each_picture_in_its_best_order),
        cmocka_unit_test(its_gradients_are_those_of_finite_differences),
        cmocka_unit_test(a_network_that_is_not_finite_has_no_finite_loss),
        cmocka_unit_test(a_training_does_not_care_which_output_is_which),
        cmocka_unit_test(each_picture_is_scored_in_its_better_order),
        cmocka_unit_test(a_fixed_order_stays_as_it_is),
        cmocka_unit_test(the_panel_has_the_truths_beside_what_is_nearest),
        cmocka_unit_test(evaluate_says_in_which_order_it_scored),
    };
    return cmocka_run_group_tests_name("permutation", tests, make_models, close_after_trainings);
}
