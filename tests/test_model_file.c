/* Model files: what is in them, which are taken, and that values reach a network whenever they come. */
#include "tiny_model.h"
#include "two_sources.h"

#include "base/log.h"
#include "models/trained.h"
#include "scratch.h"

enum { PIXELS = 32 * 32 };

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    return scratch_make(state) || tiny_model_save(scratch_path("tiny.safetensors")) ||
                   constant_model_save(scratch_path("constant.safetensors"), 0.2f, 0.8f)
               ? -1
               : 0;
}

static safetensors *read_file(const char *name)
{
    safetensors *file;
    if (safetensors_read(scratch_path(name), &file))
        fail_msg("%s", error_message());
    return file;
}

/* It is used on other devices than the one that it was trained on. */
static void a_model_knows_no_device(void **state)
{
    (void)state;
    safetensors *file = read_file("tiny.safetensors");
    const char *config = safetensors_metadata(file, "config");
    assert_non_null(config);
    assert_non_null(strstr(config, "[model]"));
    assert_non_null(strstr(config, "[train]"));
    assert_null(strstr(config, "device"));
    safetensors_free(file);
}

/* The same tensors and config under another format's name, or with other sizes of pictures. */
static void write_with(const char *format, const char *pictures)
{
    safetensors *file = read_file("tiny.safetensors");
    const struct stored_text metadata[] = {{"format", format},
                                           {"config", safetensors_metadata(file, "config")},
                                           {"pictures", pictures}};
    assert_int_equal(safetensors_write(scratch_path("as.safetensors"), safetensors_at(file, 0),
                                       safetensors_count(file), metadata, pictures ? 3 : 2),
                     0);
    safetensors_free(file);
}

static void write_as(const char *format)
{
    write_with(format, "28x28");
}

/* What the pictures were without their border. */
static void the_inner_size_is_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL,   "",      "28",    "28x",    "x28",   "28x28x", "0x28",
                                      "28x0", "34x28", "28x34", "28x28 ", "-4x28", "28 28",  "big"};
    static const char *const smaller = "data.size=16x16";
    model_file m;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_with("unblend 2", bad[i]);
        assert_int_equal(model_open(scratch_path("as.safetensors"), NULL, 0, &m), -1);
        assert_error(STATUS_DATA, "as.safetensors", "\"pictures\" in its metadata");
    }
    write_with("unblend 2", "27x30"); /* the border need not be even */
    assert_int_equal(model_open(scratch_path("as.safetensors"), NULL, 0, &m), 0);
    assert_int_equal(m.mixture.inner_height, 27);
    assert_int_equal(m.mixture.inner_width, 30);
    model_close(&m);
    assert_int_equal(model_open(scratch_path("as.safetensors"), &smaller, 1, &m), 0);
    assert_int_equal(m.mixture.inner_height, 16); /* of another size no border is known */
    model_close(&m);
}

static void other_formats_are_refused(void **state)
{
    (void)state;
    static const char *const others[] = {"unblend 3", "unblend 22", "unblend", "blend 2", ""};
    model_file m;
    write_as("unblend 2");
    assert_int_equal(model_open(scratch_path("as.safetensors"), NULL, 0, &m), 0);
    model_close(&m);
    write_as("unblend 1");
    assert_int_equal(model_open(scratch_path("as.safetensors"), NULL, 0, &m), -1);
    assert_error(STATUS_DATA, "as.safetensors", "a model of unblend 0.1");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        write_as(others[i]);
        assert_int_equal(model_open(scratch_path("as.safetensors"), NULL, 0, &m), -1);
        assert_error(STATUS_DATA, "as.safetensors", "not a model of unblend");
    }
}

static float first_output(device *d, const network *n, int source)
{
    float value = NAN;
    assert_int_equal(read_one_source(d, n->output->data, source, &value, 1), 0);
    return value;
}

/* Kernels keep weights in an order of their own: they must notice new ones. */
static void values_that_come_later_count(void **state)
{
    (void)state;
    const char *path = scratch_path("tiny.safetensors");
    model_file m;
    device *d;
    trained t;
    safetensors *constant = read_file("constant.safetensors");
    if (model_open(path, NULL, 0, &m) || open_device(&d, &m.settings->device) ||
        trained_open(&t, d, m.settings, m.tensors, path, 1, NETWORK_INFER) ||
        buffer_fill(d, t.network->input->data, 0.5f, 0, PIXELS * sizeof(float)) ||
        network_forward(t.network))
        fail_msg("%s", error_message());
    assert_true(fabsf(first_output(d, t.network, 0) - 0.2f) > 1e-3f);
    assert_int_equal(params_load(t.params, constant, "constant"), 0);
    assert_int_equal(network_forward(t.network), 0);
    assert_float_equal(first_output(d, t.network, 0), 0.2f, 1e-6);
    assert_float_equal(first_output(d, t.network, 1), 0.8f, 1e-6);
    trained_close(&t);
    device_close(d);
    model_close(&m);
    safetensors_free(constant);
}

static void the_settings_choose_kernels_and_class(void **state)
{
    (void)state;
    static const struct {
        const char *overrides[2];
        enum kernel_family kernels; /* KERNELS_AUTO: what suits the device */
        const char *class;          /* NULL: the device's own */
    } cases[] = {
        {{"device.kernels=vector", "device.class=cpu4"}, KERNELS_VECTOR, "cpu4"},
        {{"device.kernels=tiled", "device.class=gpu"}, KERNELS_TILED, "gpu"},
        {{"device.kernels=auto", "device.class=auto"}, KERNELS_AUTO, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        settings *s;
        device *d;
        assert_int_equal(settings_load(&s, NULL, cases[i].overrides, 2), 0);
        assert_int_equal(open_device(&d, &s->device), 0);
        assert_int_equal(d->kernels, cases[i].kernels == KERNELS_AUTO ? device_family(&d->info)
                                                                      : cases[i].kernels);
        if (cases[i].class)
            assert_string_equal(d->info.class->key, cases[i].class);
        else
            assert_null(d->info.class);
        device_close(d);
        settings_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_knows_no_device),
        cmocka_unit_test(other_formats_are_refused),
        cmocka_unit_test(the_inner_size_is_checked),
        cmocka_unit_test(values_that_come_later_count),
        cmocka_unit_test(the_settings_choose_kernels_and_class),
    };
    return cmocka_run_group_tests_name("model files", tests, set_up, scratch_remove);
}
