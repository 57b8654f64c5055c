/*
 * Models of Keras and PyTorch: files that these have saved themselves (tools/make-keras-fixtures,
 * make-pytorch-fixtures) give their outputs, come back as they went out, and are refused if they are damaged or of
 * another network. Needs unblend-hdf5.
 */
#include "trainings.h"

#include "base/memory.h"
#include "convert/keras.h"
#include "convert/pytorch.h"
#include "models/trained.h"
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Files ---- */

/* The fixture's bytes, unpacked; release with free(). */
static unsigned char *fixture(const char *name, size_t *length)
{
    char path[200];
    unsigned char *bytes;
    snprintf(path, sizeof path, "tests/fixtures/keras/%s.gz", name);
    must(file_read_gzip(path, 1 << 24, STATUS_DATA, &bytes, length));
    return bytes;
}

static void write_file(const char *name, const unsigned char *bytes, size_t length)
{
    must(file_write_atomic(scratch_path(name), bytes, length));
}

/* The fixture as a file of the scratch directory. */
static void put_fixture(const char *name)
{
    size_t length;
    unsigned char *bytes = fixture(name, &length);
    write_file(name, bytes, length);
    free(bytes);
}

static int import(const char *from, const char *to, const char *const *overrides, size_t count)
{
    char *source = copy_text(scratch_path(from)), *target = copy_text(scratch_path(to));
    error_clear();
    int result = keras_import(source, target, overrides, count);
    free(source);
    free(target);
    return result;
}

/* ---- Outputs ---- */

/* expected: a file of fixtures with "input" and "outputs". */
static void check_outputs(const char *model, const char *expected)
{
    char path[200];
    safetensors *file;
    model_file m;
    trained t;
    snprintf(path, sizeof path, "tests/fixtures/%s.safetensors", expected);
    must(safetensors_read(path, &file));
    must(model_open(scratch_path(model), NULL, 0, &m));
    const struct stored_tensor *input = safetensors_find(file, "input"),
                               *outputs = safetensors_find(file, "outputs");
    must(trained_open(&t, opened, m.settings, m.tensors, model, (int)input->shape[0],
                      NETWORK_INFER));
    size_t count = shape_count(t.network->output->shape);
    assert_int_equal(count, stored_elements(outputs));
    must(buffer_write(opened, t.network->input->data, 0, input->data, stored_bytes(input)));
    must(network_forward(t.network));
    float *got = allocate(count, sizeof *got);
    const float *wanted = outputs->data;
    must(buffer_read(opened, t.network->output->data, 0, got, count * sizeof *got));
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - wanted[i]) <= 1e-5))
            fail_msg("%s: output %zu is %.9g and should be %.9g", model, i, got[i], wanted[i]);
    free(got);
    trained_close(&t);
    model_close(&m);
    safetensors_free(file);
}

static void keras_outputs_are_ours(void **state)
{
    static const char *const weights_only[] = {"data.size=16x16", "model.activation=leaky_relu"};
    static const struct {
        const char *file, *network;
        size_t overrides;
    } cases[] = {{"unet.h5", "keras/unet", 0},
                 {"unet.keras", "keras/unet", 0},
                 {"unet.weights.h5", "keras/unet", 2},
                 {"unet_transformer.h5", "keras/unet_transformer", 0},
                 {"unet_transformer.weights.h5", "keras/unet_transformer", 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        put_fixture(cases[i].file);
        must(import(cases[i].file, "model.safetensors", weights_only, cases[i].overrides));
        check_outputs("model.safetensors", cases[i].network);
    }
}

static void pytorch_outputs_are_ours(void **state)
{
    static const char *const overrides[] = {"data.size=16x16", "model.activation=tanh"};
    (void)state;
    must(pytorch_import("tests/fixtures/pytorch/unet.safetensors", scratch_path("model"), overrides,
                        2));
    check_outputs("model", "pytorch/unet");
    must(pytorch_import("tests/fixtures/pytorch/unet_transformer.safetensors",
                        scratch_path("model"), NULL, 0));
    check_outputs("model", "pytorch/unet_transformer");
}

static void other_state_dicts_are_refused(void **state)
{
    static const char *const wider[] = {"model.filters=4"}, *const deeper[] = {
                                                                "model.convolutions=3"};
    static const struct {
        const char *from, *const *overrides, *says;
    } cases[] = {{"pytorch/unet", wider,
                  "encoder1.conv1.weight has shape 3 x 1 x 3 x 3 (F32); encoder1/conv1/kernel "
                  "needs 3 x 3 x 1 x 4"},
                 {"pytorch/unet", deeper, "no tensor for encoder1/conv3/kernel"},
                 {"keras/unet", NULL, "not a state dict of a supported network"},
                 {"none", NULL, "No such file"}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[200];
        snprintf(path, sizeof path, "tests/fixtures/%s.safetensors", cases[i].from);
        error_clear();
        assert_int_equal(pytorch_import(path, scratch_path("never"), cases[i].overrides,
                                        cases[i].overrides != NULL),
                         -1);
        if (error_status() != STATUS_DATA || !strstr(error_message(), cases[i].says))
            fail_msg("%s", error_message());
        assert_false(file_exists(scratch_path("never")));
    }
}

/* The U-Net's state dict with copies of tensors of its own, as pairs of names. */
static void write_state(const char *file, const char *const pairs[][2], size_t pair_count)
{
    safetensors *unet;
    struct stored_tensor tensors[100];
    must(safetensors_read("tests/fixtures/pytorch/unet.safetensors", &unet));
    size_t count = safetensors_count(unet);
    assert_true(count + pair_count <= COUNT(tensors));
    for (size_t i = 0; i < count; i++)
        tensors[i] = *safetensors_at(unet, i);
    for (size_t i = 0; i < pair_count; i++) {
        tensors[count + i] = *safetensors_find(unet, pairs[i][0]);
        tensors[count + i].name = pairs[i][1];
    }
    must(safetensors_write(scratch_path(file), tensors, count + pair_count, NULL, 0));
    safetensors_free(unet);
}

static int import_state(const char *from, const char *to)
{
    char *source = copy_text(scratch_path(from)), *target = copy_text(scratch_path(to));
    error_clear();
    int result = pytorch_import(source, target, NULL, 0);
    free(source);
    free(target);
    return result;
}

static void heads_of_a_state_dict_are_sources(void **state)
{
    static const char *const third[][2] = {{"head_b.weight", "head_c.weight"},
                                           {"head_b.bias", "head_c.bias"}};
    model_file m;
    (void)state;
    write_state("three", third, 2);
    must(import_state("three", "of_three"));
    must(model_open(scratch_path("of_three"), NULL, 0, &m));
    const struct stored_tensor *bias = safetensors_find(m.tensors, "heads/bias");
    const float *values = bias->data;
    assert_int_equal(m.settings->data.mixture.sources, 3);
    assert_int_equal(bias->shape[0], 3);
    assert_true(values[1] == values[2] && values[0] != values[1]);
    model_close(&m);
    static const char *const two[] = {"data.sources=mnist, fashion-mnist"};
    char *source = copy_text(scratch_path("three"));
    assert_int_equal(pytorch_import(source, scratch_path("never"), two, 1), -1);
    assert_non_null(strstr(error_message(), "unexpected tensor head_c."));
    free(source);
}

static void values_must_be_usable(void **state)
{
    static const struct {
        const char *name;
        float value;
    } cases[] = {{"head_a.bias", NAN},
                 {"head_a.bias", -INFINITY},
                 {"encoder1.norm1.moving_variance", -1e-3f}};
    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        safetensors *unet;
        struct stored_tensor tensors[100];
        must(safetensors_read("tests/fixtures/pytorch/unet.safetensors", &unet));
        size_t count = safetensors_count(unet);
        assert_true(count <= COUNT(tensors));
        for (size_t i = 0; i < count; i++)
            tensors[i] = *safetensors_at(unet, i);
        *(float *)safetensors_find(unet, cases[c].name)->data = cases[c].value;
        must(safetensors_write(scratch_path("spoilt"), tensors, count, NULL, 0));
        safetensors_free(unet);
        assert_int_equal(import_state("spoilt", "never"), -1);
        assert_non_null(strstr(error_message(), "spoilt: the values for"));
        assert_false(file_exists(scratch_path("never")));
    }
}

static void other_tensors_are_unexpected(void **state)
{
    static const char *const other[][2] = {{"head_b.bias", "encoder1.conv1.scale"}},
                             *const half[][2] = {{"head_b.weight", "head_c.weight"}};
    (void)state;
    write_state("other", other, 1);
    assert_int_equal(import_state("other", "never"), -1);
    assert_non_null(strstr(error_message(), "unexpected tensor encoder1.conv1.scale"));
    write_state("half", half, 1);
    assert_int_equal(import_state("half", "never"), -1);
    assert_non_null(strstr(error_message(), "head_c/bias is missing"));
    assert_false(file_exists(scratch_path("never")));
}

static void what_is_inferred_is_right(void **state)
{
    (void)state;
    model_file m;
    put_fixture("unet.keras");
    must(import("unet.keras", "inferred", NULL, 0));
    must(model_open(scratch_path("inferred"), NULL, 0, &m));
    const struct model_config *c = &m.settings->stages[0];
    assert_int_equal(c->architecture, ARCHITECTURE_unet);
    assert_int_equal(c->filters[0], 3);
    assert_int_equal(c->modules, 3);
    assert_int_equal(c->convolutions[0], 2);
    assert_string_equal(c->activation, "leaky_relu");
    assert_int_equal(m.settings->data.mixture.format.height, 16);
    model_close(&m);
    put_fixture("unet_transformer.weights.h5");
    must(import("unet_transformer.weights.h5", "inferred", NULL, 0));
    must(model_open(scratch_path("inferred"), NULL, 0, &m));
    c = &m.settings->stages[0];
    assert_int_equal(c->architecture, ARCHITECTURE_unet_transformer);
    assert_int_equal(c->blocks, 2);
    assert_int_equal(c->width, 12);
    assert_int_equal(c->heads, 3);
    assert_int_equal(c->key_size, 5);
    assert_int_equal(c->ffn, 14);
    assert_int_equal(c->cbam_ratio, 2);
    assert_true(c->cbam && c->sub_blocks);
    assert_int_equal(m.settings->data.mixture.format.width, 16);
    model_close(&m);
}

/* ---- Out ---- */

static void what_goes_out_comes_back(void **state)
{
    static const char *const overrides[] = {"data.size=16x16", "model.activation=leaky_relu"};
    static const char *const names[] = {"unet", "unet_transformer"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char file[64];
        model_file m;
        snprintf(file, sizeof file, "%s.h5", names[i]);
        put_fixture(file);
        must(directory_make(scratch_path("in")));
        must(directory_make(scratch_path("back")));
        must(import(file, "in/" MODEL_NAME, NULL, 0));
        must(model_open(scratch_path("in/" MODEL_NAME), NULL, 0, &m));
        must(keras_export(&m, scratch_path("out.h5")));
        model_close(&m);
        must(import("out.h5", "back/" MODEL_NAME, overrides, i ? 0 : COUNT(overrides)));
        assert_true(same_tensors("in", "back", MODEL_NAME));
    }
}

static void only_what_keras_has_goes_out(void **state)
{
    model_file m;
    (void)state;
    must(model_open("digits-fashion", NULL, 0, &m));
    error_clear();
    assert_int_equal(keras_export(&m, scratch_path("never.h5")), -1);
    assert_int_equal(error_status(), STATUS_USAGE);
    assert_false(file_exists(scratch_path("never.h5")));
    assert_int_equal(keras_export(&m, scratch_path("never.weights.h5")), -1);
    assert_non_null(strstr(error_message(), "a different format"));
    assert_int_equal(keras_export(&m, scratch_path("never.keras")), -1);
    assert_non_null(strstr(error_message(), "must end in .h5"));
    model_close(&m);
}

/* ---- Where a model is expected ---- */

static void a_file_of_keras_is_a_model(void **state)
{
    model_file m;
    (void)state;
    put_fixture("unet.h5");
    put_fixture("unet.keras");
    must(keras_model_open(scratch_path("unet.h5"), NULL, 0, &m));
    assert_int_equal(m.settings->stages[0].filters[0], 3);
    model_close(&m);
    must(keras_model_open(scratch_path("unet.keras"), NULL, 0, &m));
    model_close(&m);
    must(keras_model_open("digits-fashion", NULL, 0, &m));
    model_close(&m);
}

/* The first model of a training, which lies beside its config. */
static void a_training_begins_with_it(void **state)
{
    static const char config[] = "[model]\nfilters = 3\nactivation = leaky_relu\n"
                                 "[data]\ndirectory = tests/sample\n"
                                 "[train]\nstart_from = beside.h5\nbatch = 2\nepochs = 1\n"
                                 "steps_per_epoch = 1\nvalidation_steps = 1\n"
                                 "learning_rate = 1e-12\nkeep = last\n";
    size_t length;
    settings *s;
    trainer *t;
    (void)state;
    unsigned char *bytes = fixture("unet.weights.h5", &length);
    must(directory_make(scratch_path("configs")));
    must(directory_make(scratch_path("run")));
    write_file("configs/beside.h5", bytes, length);
    write_file("configs/own.ini", (const unsigned char *)config, strlen(config));
    free(bytes);
    must(settings_load(&s, scratch_path("configs/own.ini"), NULL, 0));
    must(trainer_new(&t, opened, s, scratch_path("run"), false));
    must(trainer_run(t));
    trainer_free(t);
    settings_free(s);
    must(directory_make(scratch_path("in")));
    must(import("configs/beside.h5", "in/" MODEL_NAME, NULL, 0));
    safetensors *a = file_of("in", MODEL_NAME), *b = file_of("run", MODEL_NAME);
    const float *x = safetensors_find(a, "encoder2/conv1/kernel")->data,
                *y = safetensors_find(b, "encoder2/conv1/kernel")->data;
    for (int i = 0; i < 3 * 3 * 3 * 6; i++)
        assert_true(fabsf(x[i] - y[i]) < 1e-6f);
    safetensors_free(a);
    safetensors_free(b);
}

/* ---- Bad input ---- */

static void import_refused(const char *from, const char *const *overrides, size_t count,
                           enum status status, const char *says)
{
    assert_int_equal(import(from, "never", overrides, count), -1);
    if (error_status() != status || !strstr(error_message(), says))
        fail_msg("%d: %s", (int)error_status(), error_message());
    assert_false(file_exists(scratch_path("never")));
}

static void other_networks_are_refused(void **state)
{
    static const char *const filters[] = {"model.filters=4"}, *const deeper[] = {"model.modules=2"},
                             *const other[] = {"model.architecture=unet-transformer"},
                             *const residual[] = {"model.residual=true"},
                             *const attentive[] = {"model.attention=2"};
    (void)state;
    put_fixture("unet.h5");
    import_refused("unet.h5", filters, 1, STATUS_DATA, "encoder1/conv1/kernel needs 3 x 3 x 1 x 4");
    import_refused("unet.h5", deeper, 1, STATUS_DATA, "Conv2D layers; the network needs 8");
    import_refused("unet.h5", other, 1, STATUS_DATA, "Conv2D layers; the network needs");
    import_refused("unet.h5", residual, 1, STATUS_USAGE, "plain modules");
    import_refused("unet.h5", attentive, 1, STATUS_USAGE, "no attention behind encoder modules");
    import_refused("in", NULL, 0, STATUS_DATA, "a directory");
    put_fixture("unet.keras");
    must(import("unet.keras", "in.safetensors", NULL, 0));
    import_refused("in.safetensors", NULL, 0, STATUS_DATA, "--from pytorch");
    import_refused("none.h5", NULL, 0, STATUS_DATA, "none.h5: No such file");
    write_file("text.h5", (const unsigned char *)"no model at all", 15);
    import_refused("text.h5", NULL, 0, STATUS_DATA, "text.h5: not an HDF5 file, or incomplete");
    write_file("cut.keras", (const unsigned char *)"PK\3\4 and so on", 14);
    import_refused("cut.keras", NULL, 0, STATUS_DATA,
                   "cut.keras: not a .keras archive, or incomplete");
}

/* The model's config is plain text in an .h5 file: each other of the same length makes another network. */
static void other_layers_are_refused(void **state)
{
    static const struct {
        const char *ours, *other, *says;
    } cases[] = {
        {"\"epsilon\": 0.001", "\"epsilon\": 0.002", "has an epsilon of 0.002; ours have 0.001"},
        {"\"dilation_rate\": [1, 1]", "\"dilation_rate\": [2, 2]",
         "has a dilation rate other than 1"},
        {"\"strides\": [1, 1]", "\"strides\": [2, 2]", "has unsupported strides"},
        {"\"channels_last\"", "\"channels_frst\"", "uses channels_first"},
        {"\"negative_slope\": 0.2", "\"negative_slope\": 0.3", "its activation is not relu"},
        {"\"activation\": \"linear\"", "\"activation\": \"softmx\"",
         "the activation of conv2d is other"},
        {"\"pool_size\": [2, 2]", "\"pool_size\": [3, 3]",
         "max_pooling2d does not halve the picture"},
        {"\"groups\": 1", "\"groups\": 3", "conv2d has a groups value other than 1"},
        {"\"axis\": -1", "\"axis\":  1", "has an axis other than the channels"},
        {"\"class_name\": \"MaxPooling2D\"", "\"class_name\": \"UpSampling2D\"",
         "max_pooling2d is not a layer of either system"},
        {"\"class_name\": \"Concatenate\"", "\"class_name\": \"DotMultiply\"",
         "concatenate is not a layer of the U-Net"},
        {"\"keras_history\": [\"leaky_re_lu_3\"", "\"keras_history\": [\"leaky_re_lu_1\"",
         "max_pooling2d_1 reads conv2d_1; expected conv2d_3"},
        {"[\"conv2d_transpose\", 0, 0]", "[\"leaky_re_lu_3\"   , 0, 0]",
         "concatenate reads conv2d_3; expected conv2d_transpose"},
        {"\"keras_history\": [\"leaky_re_lu_9\"", "\"keras_history\": [\"leaky_re_lu_8\"",
         "conv2d_10 reads conv2d_8; expected conv2d_9"},
        {"[[\"leaky_re_lu_10\", 0, 0], [\"leaky_re_lu_11\", 0, 0]]",
         "[[\"leaky_re_lu_11\", 0, 0], [\"leaky_re_lu_10\", 0, 0]]",
         "leaky_re_lu_10 is not among the outputs in the order of the layers"},
        {"[\"leaky_re_lu_10\", 0, 0], [\"leaky_re_lu_11\", 0, 0]",
         "[\"conv2d_10\"], [\"conv2d_11\"], [\"leaky_re_lu_11\"]  ",
         "is one output more than there are sources"},
        {"{\"class_name\": \"Functional\"", "{\"class_name\": \"Functional;", "is not valid JSON"},
    };
    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        size_t length, replaced = 0, size = strlen(cases[c].ours);
        unsigned char *bytes = fixture("unet.h5", &length);
        assert_int_equal(strlen(cases[c].other), size);
        for (size_t i = 0; i + size <= length; i++)
            if (!memcmp(bytes + i, cases[c].ours, size)) {
                memcpy(bytes + i, cases[c].other, size);
                replaced++;
            }
        if (!replaced)
            fail_msg("%s is not in the fixture", cases[c].ours);
        write_file("other.h5", bytes, length);
        import_refused("other.h5", NULL, 0, STATUS_DATA, cases[c].says);
        free(bytes);
    }
}

static void the_helper_is_missed(void **state)
{
    (void)state;
    put_fixture("unet.h5");
    setenv("UNBLEND_HDF5", "/nowhere/unblend-hdf5", 1);
    import_refused("unet.h5", NULL, 0, STATUS_RUNTIME, "/nowhere/unblend-hdf5");
    unsetenv("UNBLEND_HDF5");
}

/* A crash or an endless loop of libhdf5 is the file's fault; whoever stops the helper has other reasons. */
static void a_helper_that_is_killed(void **state)
{
    static const struct {
        const char *script, *says;
        int status;
    } cases[] = {{"#!/bin/sh\nkill -SEGV $$\n", "the file is damaged", STATUS_DATA},
                 {"#!/bin/sh\nkill -XCPU $$\n", "the file is damaged", STATUS_DATA},
                 {"#!/bin/sh\nkill -TERM $$\n", "killed by a signal", STATUS_RUNTIME}};
    (void)state;
    put_fixture("unet.h5");
    setenv("UNBLEND_HDF5", scratch_path("helper"), 1);
    for (size_t c = 0; c < COUNT(cases); c++) {
        write_file("helper", (const unsigned char *)cases[c].script, strlen(cases[c].script));
        must(chmod(scratch_path("helper"), 0700));
        import_refused("unet.h5", NULL, 0, cases[c].status, cases[c].says);
    }
    unsetenv("UNBLEND_HDF5");
}

/* Whatever is wrong with a file, it is refused with a message, or gives a model. */
static void damaged_files_do_no_harm(void **state)
{
    static const char *const names[] = {"unet.h5", "unet.keras", "unet.weights.h5"};
    enum { CUTS = 4, FLIPS = 12 };
    (void)state;
    for (size_t n = 0; n < COUNT(names); n++) {
        size_t length;
        unsigned char *bytes = fixture(names[n], &length);
        for (size_t i = 0; i < CUTS; i++) {
            write_file("cut.h5", bytes, length * i / CUTS);
            import_refused("cut.h5", NULL, 0, STATUS_DATA, "cut.h5");
        }
        for (size_t i = 0; i < FLIPS; i++) {
            size_t at = (i * 7919 * 31 + i) % (i % 2 ? length : 4096);
            unsigned char before = bytes[at];
            bytes[at] ^= (unsigned char)(1 << i % 8);
            write_file("flipped.h5", bytes, length);
            if (import("flipped.h5", "flipped", NULL, 0) && !strstr(error_message(), "flipped.h5"))
                fail_msg("byte %zu of %s: %s", at, names[n], error_message());
            bytes[at] = before;
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keras_outputs_are_ours),
        cmocka_unit_test(pytorch_outputs_are_ours),
        cmocka_unit_test(other_state_dicts_are_refused),
        cmocka_unit_test(heads_of_a_state_dict_are_sources),
        cmocka_unit_test(values_must_be_usable),
        cmocka_unit_test(other_tensors_are_unexpected),
        cmocka_unit_test(what_is_inferred_is_right),
        cmocka_unit_test(what_goes_out_comes_back),
        cmocka_unit_test(only_what_keras_has_goes_out),
        cmocka_unit_test(other_networks_are_refused),
        cmocka_unit_test(the_helper_is_missed),
        cmocka_unit_test(a_helper_that_is_killed),
        cmocka_unit_test(other_layers_are_refused),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(a_file_of_keras_is_a_model),
        cmocka_unit_test(a_training_begins_with_it),
    };
    return cmocka_run_group_tests_name("convert", tests, open_for_trainings, close_after_trainings);
}
