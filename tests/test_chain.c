/*
 * Everything that is data rather than constant, at once: three sources of colour, a format of 48 x 40,
 * a chain of two stages. Trained, resumed, saved, loaded, evaluated, separated; and the gradients of the
 * whole chain beside finite differences of its losses.
 */
#include "base/memory.h"
#include "base/streams.h"
#include "data/idx.h"
#include "evaluate/evaluate.h"
#include "models/trained.h"
#include "separate/separator.h"
#include "trainings.h"

#include "gradient_check.h"

enum { SOURCES = 3, CHANNELS = 3, HEIGHT = 48, WIDTH = 40, BORDER = 2, IMAGES = 10 };
enum {
    INNER_HEIGHT = HEIGHT - 2 * BORDER,
    INNER_WIDTH = WIDTH - 2 * BORDER,
    PIXELS = HEIGHT * WIDTH,
    INNER_BYTES = INNER_HEIGHT * INNER_WIDTH * CHANNELS
};

/* ---- The data ---- */

static const char *const set_names[SOURCES] = {"one", "two", "three"};

/* Stripes of another direction and another colour in each set. */
static struct image_set stripes(int source, int shift)
{
    struct image_set set = {IMAGES, {INNER_HEIGHT, INNER_WIDTH, CHANNELS}, NULL};
    unsigned char *to = set.pixels = malloc((size_t)IMAGES * INNER_BYTES);
    assert_non_null(to);
    for (int n = 0; n < IMAGES; n++)
        for (int y = 0; y < INNER_HEIGHT; y++)
            for (int x = 0; x < INNER_WIDTH; x++)
                for (int c = 0; c < CHANNELS; c++) {
                    int along = source == 0 ? y : source == 1 ? x : x + y;
                    int on = (along + n + shift) / 4 % 2;
                    *to++ = (unsigned char)(on ? (c == source ? 230 : 60) : 10 * n);
                }
    return set;
}

static int make_sets(void **state)
{
    if (open_for_trainings(state))
        return -1;
    for (int k = 0; k < SOURCES; k++) {
        char path[64];
        snprintf(path, sizeof path, "sets/%s", set_names[k]);
        must(directory_make(scratch_path(path)));
        for (int test = 0; test < 2; test++) {
            struct image_set set = stripes(k, test);
            snprintf(path, sizeof path, "sets/%s/%s-images-idx3-ubyte", set_names[k],
                     test ? "t10k" : "train");
            must(idx_write_images(scratch_path(path), &set));
            image_set_release(&set);
        }
    }
    return 0;
}

/* The second stage reads what the first one found, beside the blend. */
static settings *config_of(const char *extra)
{
    char directory[700];
    snprintf(directory, sizeof directory, "data.directory=%s", scratch_path("sets"));
    const char *overrides[] = {directory,
                               "data.sources=one, two, three",
                               "data.size=48x40",
                               "data.channels=3",
                               "model.filters=4",
                               "model.modules=2",
                               "model.convolutions=1",
                               "model.activation=sigmoid",
                               "stage.2.filters=3",
                               "stage.2.modules=2",
                               "stage.2.convolutions=1",
                               "stage.2.activation=sigmoid",
                               "stage.2.reads=both",
                               "train.source_weights=1, 0.5, 2",
                               "train.batch=4",
                               "train.steps_per_epoch=6",
                               "train.validation_steps=2",
                               "train.learning_rate=1e-2",
                               "train.keep=last",
                               extra};
    settings *c;
    must(settings_load(&c, NULL, overrides, COUNT(overrides)));
    return c;
}

/* ---- Training, and all that comes of it ---- */

/* Returns the history's last total. */
static double train_run(const char *name, bool resume, const char *epochs)
{
    settings *c = config_of(epochs);
    trainer *t;
    must(directory_make(scratch_path(name)));
    char *run = copy_text(scratch_path(name));
    must(trainer_new(&t, opened, c, run, resume));
    must(trainer_run(t));
    const history *h = trainer_history(t);
    assert_int_equal(h->sources, SOURCES);
    assert_string_equal(h->names[2], "three");
    const epoch_record *last = &h->epochs[h->count - 1];
    double weighted = last->loss[0] + 0.5 * last->loss[1] + 2 * last->loss[2];
    assert_true(fabs(weighted - last->total) <= 1e-12);
    double total = last->val_total;
    trainer_free(t);
    settings_free(c);
    free(run);
    return total;
}

static void training_learns_and_resumes_to_the_bit(void **state)
{
    (void)state;
    double early = train_run("whole", false, "train.epochs=1");
    train_run("parts", false, "train.epochs=1");
    double late = train_run("whole", true, "train.epochs=4");
    train_run("parts", true, "train.epochs=2");
    train_run("parts", true, "train.epochs=4");
    if (!(late < 0.9 * early))
        fail_msg("the validation loss went from %g only to %g", early, late);
    assert_true(same_tensors("whole", "parts", CHECKPOINT_NAME));
    assert_true(same_tensors("whole", "parts", MODEL_NAME));
}

static char *model_path(void)
{
    return copy_text(scratch_path("whole/" MODEL_NAME));
}

static void the_model_says_what_it_is_for(void **state)
{
    (void)state;
    char *path = model_path();
    model_file file;
    must(model_open(path, NULL, 0, &file));
    const mixture *m = &file.mixture;
    assert_int_equal(m->sources, SOURCES);
    for (int k = 0; k < SOURCES; k++)
        assert_string_equal(m->names[k], set_names[k]);
    assert_true(image_format_equal(m->format, (struct image_format){HEIGHT, WIDTH, CHANNELS}));
    assert_int_equal(m->inner_height, INNER_HEIGHT);
    assert_int_equal(m->inner_width, INNER_WIDTH);
    assert_non_null(safetensors_find(file.tensors, "encoder1/conv1/kernel"));
    assert_non_null(safetensors_find(file.tensors, "stage2/encoder1/conv1/kernel"));
    model_close(&file);
    free(path);
}

/* Evaluated from the file, on the pairs that validation saw, it is as good as validation said. */
static void the_loaded_model_is_as_good(void **state)
{
    (void)state;
    settings *c = config_of("train.epochs=4");
    char *path = model_path();
    model_file file;
    trained model;
    batches *b;
    evaluator *e;
    double mse[SOURCES_MAX];
    must(model_open(path, NULL, 0, &file));
    must(trained_open(&model, opened, c, file.tensors, path, 4, NETWORK_INFER));
    must(batches_open(&b, opened, &c->data, 1, false));
    must(evaluator_new(&e, model.network, b));
    must(evaluator_run(e, SPLIT_VALIDATION, 1, STREAM_VALIDATION, 0, 8, mse));
    history h;
    must(history_read(scratch_path("whole/" HISTORY_JSON), &h));
    for (int k = 0; k < SOURCES; k++)
        assert_true(h.epochs[3].val_loss[k] == mse[k]);
    history_release(&h);
    evaluator_free(e);
    batches_close(b);
    trained_close(&model);
    model_close(&file);
    settings_free(c);
    free(path);
}

/* A picture with and without its border: the same sources, and those of the network itself. */
static void pictures_are_separated(void **state)
{
    (void)state;
    static unsigned char small[INNER_BYTES], large[PIXELS * CHANNELS];
    static unsigned char of_small[SOURCES][INNER_BYTES], of_large[SOURCES][PIXELS * CHANNELS];
    char *path = model_path();
    model_file file;
    separator *s;
    for (int y = 0; y < INNER_HEIGHT; y++)
        for (int i = 0; i < INNER_WIDTH * CHANNELS; i++) {
            small[y * INNER_WIDTH * CHANNELS + i] = (unsigned char)(y * 5 + i * 3);
            large[((y + BORDER) * WIDTH + BORDER) * CHANNELS + i] = (unsigned char)(y * 5 + i * 3);
        }
    separation items[] = {{.width = INNER_WIDTH,
                           .height = INNER_HEIGHT,
                           .mixture = small,
                           .sources = {of_small[0], of_small[1], of_small[2]}},
                          {.width = WIDTH,
                           .height = HEIGHT,
                           .mixture = large,
                           .sources = {of_large[0], of_large[1], of_large[2]}}};
    must(model_open(path, NULL, 0, &file));
    must(separator_open(&s, path, &file, (struct separator_options){.batch = 2}));
    must(separator_run(s, items, 2));
    for (int k = 0; k < SOURCES; k++)
        for (int y = 0; y < INNER_HEIGHT; y++)
            assert_memory_equal(of_small[k] + y * INNER_WIDTH * CHANNELS,
                                of_large[k] + ((y + BORDER) * WIDTH + BORDER) * CHANNELS,
                                INNER_WIDTH * CHANNELS);
    assert_memory_not_equal(of_large[0], of_large[1], PIXELS * CHANNELS);
    assert_memory_not_equal(of_large[1], of_large[2], PIXELS * CHANNELS);
    separator_close(s);
    model_close(&file);
    free(path);
}

/* ---- What the second stage reads ---- */

static const tensor *read_by_second_stage(const network *n)
{
    const tensor *y = graph_find(n->graph, "stage2/encoder1/conv1");
    assert_non_null(y);
    return y->producer->inputs[0];
}

static void a_stage_reads_what_it_is_asked_to(void **state)
{
    (void)state;
    static const char *const reads[] = {"stage.2.reads=mixture", "stage.2.reads=previous",
                                        "stage.2.reads=both"};
    for (int i = 0; i < 3; i++) {
        settings *c = config_of(reads[i]);
        params *p;
        network *n;
        must(params_new(&p, NULL));
        must(network_new(&n, p, c, 2, NETWORK_INFER));
        const tensor *found = graph_find(n->graph, "heads/activation"),
                     *input = read_by_second_stage(n);
        assert_non_null(found);
        if (i == 2) { /* the blend, then what the first stage found */
            assert_int_equal(input->shape.c, CHANNELS + SOURCES * CHANNELS);
            assert_ptr_equal(input->producer->inputs[0], n->input);
            assert_ptr_equal(input->producer->inputs[1], found);
        } else {
            assert_ptr_equal(input, i ? found : n->input);
        }
        network_free(n);
        params_free(p);
        settings_free(c);
    }
}

static void a_size_that_does_not_fit_names_its_stage(void **state)
{
    (void)state;
    static const struct {
        const char *overrides[2], *says;
    } cases[] = {{{"stage.2.modules=3", "data.size=42x40"},
                  "stage.2.modules = 3: images of 42 x 40 cannot be halved 2 times"},
                 {{"stage.2.architecture=unet-transformer", "data.size=44x40"},
                  "[stage.2]: images of 44 x 40 cannot be halved 3 times"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        settings *c = config_of(cases[i].overrides[0]), *of_size;
        params *p;
        network *n;
        must(settings_derive(&of_size, c, &cases[i].overrides[1], 1, false));
        must(params_new(&p, NULL));
        assert_int_equal(network_new(&n, p, of_size, 2, NETWORK_INFER), -1);
        assert_error(STATUS_USAGE, cases[i].says, "");
        params_free(p);
        settings_free(of_size);
        settings_free(c);
    }
}

/* ---- Gradients ---- */

static void gradients_are_those_of_the_chain(void **state)
{
    (void)state;
    settings *c = config_of("train.epochs=1");
    params *p;
    network *n;
    batches *b;
    size_t checked = 0;
    must(params_new(&p, opened));
    must(network_new(&n, p, c, 4, NETWORK_TRAIN));
    must(params_allocate(p, true));
    must(params_initialize(p, 3));
    must(network_prepare(n));
    must(batches_open(&b, opened, &c->data, 1, false));
    must(batches_next(b, SPLIT_TRAIN, 1, STREAM_TRAIN, 0, 4, n->input->data, n->truth->data));
    total_loss(n, &c->train);
    must(plan_backward(n->plan));
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i]->gradient) {
            check_gradient(n, &c->train, p->items[i]);
            checked++;
        }
    assert_true(checked > 20);
    batches_close(b);
    network_free(n);
    params_free(p);
    settings_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_learns_and_resumes_to_the_bit),
        cmocka_unit_test(the_model_says_what_it_is_for),
        cmocka_unit_test(the_loaded_model_is_as_good),
        cmocka_unit_test(pictures_are_separated),
        cmocka_unit_test(a_stage_reads_what_it_is_asked_to),
        cmocka_unit_test(a_size_that_does_not_fit_names_its_stage),
        cmocka_unit_test(gradients_are_those_of_the_chain),
    };
    return cmocka_run_group_tests_name("chain", tests, make_sets, close_after_trainings);
}
