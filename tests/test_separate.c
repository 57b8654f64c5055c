/* Separating pictures, and folders of them. Where the model's weights are random, one way of
 * asking is compared with another; where its heads are constant, the results are known. */
#include "scratch.h"
#include "tiny_model.h"
#include "worklists.h"

#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "image/image.h"
#include "separate/earlier.h"
#include "separate/folder.h"
#include "separate/job.h"

enum { SOURCES = 2, IMAGE_SIZE = 32, PIXELS = IMAGE_SIZE * IMAGE_SIZE, SMALL = 28 };

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    if (scratch_make(state) || tiny_model_save(scratch_path("tiny.safetensors")) ||
        constant_model_save(scratch_path("constant.safetensors"), 0.2f, 0.8f)) {
        print_error("%s\n", error_message());
        return -1;
    }
    return 0;
}

static separator *open_model(const char *name, int batch)
{
    model_file file;
    separator *s;
    const char *path = scratch_path(name);
    assert_int_equal(model_open(path, NULL, 0, &file), 0);
    assert_int_equal(separator_open(&s, path, &file, (struct separator_options){.batch = batch}),
                     0);
    model_close(&file);
    return s;
}

static separation item_of(int side, const unsigned char *pixels, unsigned char *a, unsigned char *b)
{
    return (separation){.width = side, .height = side, .mixture = pixels, .sources = {a, b}};
}

static separator *open_tiny(int batch)
{
    return open_model("tiny.safetensors", batch);
}

static void fill(unsigned char *pixels, size_t count, unsigned start)
{
    for (size_t i = 0; i < count; i++)
        pixels[i] = (unsigned char)((i * 37 + start * 101) % 256);
}

/* Five pictures at a time, in batches of two, are the five one by one. */
static void batches_change_nothing(void **state)
{
    (void)state;
    enum { COUNT = 5 };
    unsigned char pixels[COUNT][PIXELS], many[COUNT][SOURCES][PIXELS], one[SOURCES][PIXELS];
    separation items[COUNT];
    separator *s = open_tiny(2);
    for (unsigned i = 0; i < COUNT; i++) {
        fill(pixels[i], PIXELS, i);
        items[i] = item_of(IMAGE_SIZE, pixels[i], many[i][0], many[i][1]);
        items[i].overflowed = true;
    }
    assert_int_equal(separator_run(s, items, COUNT), 0);
    for (int i = 0; i < COUNT; i++) {
        separation alone = item_of(IMAGE_SIZE, pixels[i], one[0], one[1]);
        alone.overflowed = true;
        assert_int_equal(separator_run(s, &alone, 1), 0);
        assert_memory_equal(one, many[i], sizeof one);
        assert_true(memcmp(one[0], one[1], PIXELS)); /* two different heads */
        assert_false(items[i].overflowed || alone.overflowed);
    }
    assert_int_equal(separator_run(s, NULL, 0), 0);
    separator_close(s);
}

/* 28 x 28 is the middle of the same picture with two black pixels around it. */
static void small_pictures_are_padded(void **state)
{
    (void)state;
    unsigned char small[SMALL * SMALL], padded[PIXELS] = {0};
    unsigned char from_small[SOURCES][SMALL * SMALL], from_padded[SOURCES][PIXELS];
    separator *s = open_tiny(4);
    fill(small, sizeof small, 3);
    for (int y = 0; y < SMALL; y++)
        memcpy(padded + (y + 2) * IMAGE_SIZE + 2, small + y * SMALL, SMALL);
    separation items[] = {item_of(SMALL, small, from_small[0], from_small[1]),
                          item_of(IMAGE_SIZE, padded, from_padded[0], from_padded[1])};
    assert_int_equal(separator_run(s, items, 2), 0);
    for (int k = 0; k < SOURCES; k++)
        for (int y = 0; y < SMALL; y++)
            assert_memory_equal(from_small[k] + y * SMALL,
                                from_padded[k] + (y + 2) * IMAGE_SIZE + 2, SMALL);
    separator_close(s);
}

static void damaged_weights_are_found_at_once(void **state)
{
    (void)state;
    model_file file;
    separator *s;
    const char *path = scratch_path("tiny.safetensors");
    assert_int_equal(model_open(path, NULL, 0, &file), 0);
    const struct stored_tensor *bias = safetensors_find(file.tensors, "heads/bias");
    assert_non_null(bias);
    memset((void *)bias->data, 0xFF, sizeof(float)); /* a NaN */
    assert_int_equal(separator_open(&s, path, &file, (struct separator_options){.batch = 1}), -1);
    assert_error(STATUS_DATA, path, "not a number");
    model_close(&file);
}

static void assert_all(const unsigned char *pixels, size_t count, int value)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pixels[i], value);
}

static void the_first_source_is_head_a(void **state)
{
    (void)state;
    unsigned char pixels[PIXELS], sources[SOURCES][PIXELS];
    separator *s = open_model("constant.safetensors", 1);
    separation item = item_of(IMAGE_SIZE, pixels, sources[0], sources[1]);
    fill(pixels, PIXELS, 1);
    assert_int_equal(separator_run(s, &item, 1), 0);
    assert_all(sources[0], PIXELS, 51);
    assert_all(sources[1], PIXELS, 204);
    separator_close(s);
}

/* One filter with one weight, after which the batch norm divides by what it is made of: head A gives the
 * picture itself, head B twice of it. */
static int make_identity(params *p, const float *heads)
{
    static const float centre[9] = {0, 0, 0, 0, 1};
    return fill_param(p, "encoder1/norm1/gamma", sqrtf(1.001f)) ||
                   write_param(p, "heads/kernel", heads) ||
                   write_param(p, "encoder1/conv1/kernel", centre)
               ? -1
               : 0;
}

static int save_identity_model(const char *path)
{
    static const char *const overrides[] = {"model.filters=1", "model.modules=1",
                                            "model.convolutions=1", "model.activation=relu"};
    static const float heads[SOURCES] = {1, 2};
    return save_model_of(path, overrides, 4, 1, 0, make_identity, heads);
}

/* Byte 255 is 1, byte 0 is 0, and each comes back as it went in; what is above 1 is white. */
static void a_byte_is_its_255th(void **state)
{
    (void)state;
    unsigned char pixels[PIXELS], sources[SOURCES][PIXELS];
    assert_int_equal(save_identity_model(scratch_path("identity.safetensors")), 0);
    separator *s = open_model("identity.safetensors", 1);
    separation item = item_of(IMAGE_SIZE, pixels, sources[0], sources[1]);
    for (int i = 0; i < PIXELS; i++)
        pixels[i] = (unsigned char)(i % 256);
    assert_int_equal(separator_run(s, &item, 1), 0);
    assert_memory_equal(sources[0], pixels, PIXELS);
    for (int i = 0; i < PIXELS; i++)
        assert_int_equal(sources[1][i], pixels[i] < 128 ? 2 * pixels[i] : 255);
    /* floats are neither clipped nor rounded */
    static float values[PIXELS], results[SOURCES][PIXELS];
    for (int i = 0; i < PIXELS; i++)
        values[i] = (float)i / PIXELS;
    item = (separation){.width = IMAGE_SIZE,
                        .height = IMAGE_SIZE,
                        .type = PIXELS_FLOATS,
                        .result_type = PIXELS_FLOATS,
                        .mixture = values,
                        .sources = {results[0], results[1]}};
    assert_int_equal(separator_run(s, &item, 1), 0);
    for (int i = 0; i < PIXELS; i++) {
        assert_float_equal(results[0][i], values[i], 1e-5);
        assert_float_equal(results[1][i], 2 * values[i], 1e-5);
    }
    separator_close(s);
}

/* What overflows for one picture is a matter of that picture. */
static void an_overflow_is_one_picture_s(void **state)
{
    (void)state;
    unsigned char black[PIXELS] = {0}, white[PIXELS], sources[3][SOURCES][PIXELS];
    const char *path = scratch_path("overflowing.safetensors");
    assert_int_equal(overflowing_model_save(path), 0);
    separator *s = open_model("overflowing.safetensors", 3);
    memset(white, 255, sizeof white);
    separation items[] = {item_of(IMAGE_SIZE, black, sources[0][0], sources[0][1]),
                          item_of(IMAGE_SIZE, white, sources[1][0], sources[1][1]),
                          item_of(IMAGE_SIZE, black, sources[2][0], sources[2][1])};
    assert_int_equal(separator_run(s, items, 3), 0);
    assert_int_equal(separator_check(s, &items[0], "black.png"), 0);
    assert_int_equal(separator_check(s, &items[2], "black.png"), 0);
    assert_all(sources[2][1], PIXELS, 0);
    assert_int_equal(separator_check(s, &items[1], "in/white.png"), -1);
    assert_error(STATUS_DATA, "in/white.png", "overflowing.safetensors");
    separator_close(s);
}

/* ---- Worklists ---- */

static const mixture what = {.sources = SOURCES,
                             .names = {"mnist", "fashion"},
                             .format = {IMAGE_SIZE, IMAGE_SIZE, 1},
                             .inner_height = SMALL,
                             .inner_width = SMALL};

static const struct worklist_options no_extras;

/* A fresh folder of the scratch directory, with pictures of that side. */
static const char *make_folder(const char *name, const char *const *pictures, int side)
{
    static const unsigned char gray[PIXELS] = {9};
    const char *folder = scratch_path(name);
    assert_int_equal(directory_make(folder), 0);
    for (; pictures && *pictures; pictures++) {
        char *path = path_join(folder, *pictures);
        assert_int_equal(image_write_png(path, side, side, 1, gray), 0);
        free(path);
    }
    return folder;
}

#define PICTURES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void worklists_name_their_results(void **state)
{
    (void)state;
    worklist *w;
    const char *in = make_folder("named", PICTURES("a.b.png", "cat.png", "caf\xe9.png"), 28);
    assert_int_equal(worklist_new(&w, in, scratch_path("named-out"), &what, no_extras), 0);
    assert_int_equal(w->count, 3);
    assert_string_equal(w->items[0].outputs[0], "a.b.mnist.png");
    assert_string_equal(w->items[2].outputs[1], "cat.fashion.png");
    finish(w);
    assert_int_equal(worklist_count(w, WORK_DONE), 3);
    json_t *document = worklist_as_json(w);
    json_t *odd = json_array_get(json_object_get(document, "files"), 1);
    assert_string_equal(json_string_value(json_object_get(odd, "input")), "caf\\xE9.png");
    json_decref(document);
    worklist_free(w);
    /* a second run of the same folder may write over its own results */
    assert_int_equal(worklist_new(&w, in, scratch_path("named-out"), &what, no_extras), 0);
    worklist_free(w);
}

/* As many results as sources. */
static void worklists_follow_the_model(void **state)
{
    (void)state;
    static const mixture three = {
        .sources = 3, .names = {"red", "green", "blue"}, .format = {40, 48, 1}};
    worklist *w;
    const char *in = make_folder("three", PICTURES("square.png"), 28);
    assert_int_equal(worklist_new(&w, in, scratch_path("three-out"), &three, no_extras), 0);
    finish(w);
    assert_true(file_exists(scratch_path("three-out/square.red.png")));
    assert_true(file_exists(scratch_path("three-out/square.green.png")));
    assert_true(file_exists(scratch_path("three-out/square.blue.png")));
    worklist_free(w);
}

static void equal_results_are_refused(void **state)
{
    (void)state;
    worklist *w;
    const char *in = make_folder("equal", PICTURES("cat.jpg", "cat.m.png", "cat.png"), 32);
    assert_int_equal(worklist_new(&w, in, scratch_path("equal-out"), &what, no_extras), -1);
    assert_error(STATUS_DATA, "cat.jpg and cat.png", "cat.mnist.png");
    assert_false(directory_exists(scratch_path("equal-out")));
}

static void the_input_folder_is_no_output_folder(void **state)
{
    (void)state;
    worklist *w;
    const char *in = make_folder("same", PICTURES("cat.png"), 32);
    assert_int_equal(worklist_new(&w, in, scratch_path("same/../same/"), &what, no_extras), -1);
    assert_error(STATUS_USAGE, "same/../same", "choose another");
}

static void results_of_others_are_not_overwritten(void **state)
{
    (void)state;
    worklist *w;
    const char *first = make_folder("first", PICTURES("cat.png"), 32);
    const char *second = make_folder("second", PICTURES("cat.png"), 32);
    const char *out = scratch_path("shared");
    assert_int_equal(worklist_new(&w, first, out, &what, no_extras), 0);
    finish(w);
    worklist_free(w);
    assert_int_equal(worklist_new(&w, second, out, &what, no_extras), -1);
    assert_error(STATUS_USAGE, "shared/cat.mnist.png", "second/cat.png");

    make_folder("foreign", PICTURES("cat.fashion.png"), 32);
    assert_int_equal(worklist_new(&w, first, scratch_path("foreign"), &what, no_extras), -1);
    assert_error(STATUS_USAGE, "foreign/cat.fashion.png", "first/cat.png");
}

static void another_program_s_manifest_stays(void **state)
{
    (void)state;
    static const char *const contents[] = {"{\"name\": \"app\"}", "not JSON", "[1]", "",
                                           "{\"unblend\": \"1\"}"};
    worklist *w;
    const char *in = make_folder("input", PICTURES("cat.png"), 32);
    const char *out = make_folder("app", NULL, 0);
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        scratch_file("app/manifest.json", contents[i], strlen(contents[i]));
        assert_int_equal(worklist_new(&w, in, out, &what, no_extras), -1);
        assert_error(STATUS_USAGE, "app/manifest.json", "not a manifest of unblend");
    }
}

static void assert_picture(const char *name, int value)
{
    struct image picture;
    assert_int_equal(image_read(scratch_path(name), 1, &picture), 0);
    assert_int_equal(picture.width, SMALL);
    assert_int_equal(picture.height, SMALL);
    assert_all(picture.pixels, (size_t)SMALL * SMALL, value);
    image_release(&picture);
}

/* `separate` by its own command line. */
static int run_separate(const char *model, const char *in, const char *out)
{
    char *argv[] = {"separate", copy_text(scratch_path(model)), copy_text(scratch_path(in)),
                    copy_text(scratch_path(out)), NULL};
    const command *c = command_find("separate");
    options given;
    assert_int_equal(options_parse(&given, c, 4, argv), 0);
    int result = c->run(&given);
    options_free(&given);
    for (int i = 1; i < 4; i++)
        free(argv[i]);
    return result;
}

static void results_are_named_after_their_heads(void **state)
{
    (void)state;
    make_folder("heads", PICTURES("cat.png"), SMALL);
    assert_int_equal(run_separate("constant.safetensors", "heads", "heads-out"), 0);
    assert_picture("heads-out/cat.mnist.png", 51);
    assert_picture("heads-out/cat.fashion.png", 204);
}

static void an_overflow_leaves_the_others_results(void **state)
{
    (void)state;
    unsigned char black[PIXELS] = {0}, white[PIXELS], *file;
    size_t length;
    memset(white, 255, sizeof white);
    make_folder("lights", NULL, 0);
    assert_int_equal(image_write_png(scratch_path("lights/black.png"), SMALL, SMALL, 1, black), 0);
    assert_int_equal(image_write_png(scratch_path("lights/white.png"), SMALL, SMALL, 1, white), 0);
    assert_int_equal(run_separate("overflowing.safetensors", "lights", "lit"), -1);
    assert_error(STATUS_PARTIAL, "1 of 2 images failed", "lit");
    assert_picture("lit/black.mnist.png", 0);
    assert_false(file_exists(scratch_path("lit/white.mnist.png")));
    assert_int_equal(
        file_read(scratch_path("lit/manifest.json"), 1 << 20, STATUS_DATA, &file, &length), 0);
    assert_non_null(strstr((char *)file, "lights/white.png: for this picture"));
    assert_non_null(strstr((char *)file, "overflowing.safetensors is not a number"));
    free(file);
}

static void bad_pictures_say_why(void **state)
{
    (void)state;
    worklist *w;
    job j;
    const struct folder_options how = {0};
    const char *in = make_folder("bad", NULL, 0);
    scratch_file("bad/empty.png", "", 0);
    scratch_file("bad/text.png", "hello", 5);
    assert_int_equal(worklist_new(&w, in, scratch_path("bad-out"), &what, no_extras), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(job_read(&j, w, &w->items[i], &how), -1);
        assert_int_equal(error_status(), STATUS_DATA);
        assert_int_equal(worklist_fail(w, &w->items[i]), 0);
    }
    assert_non_null(strstr(w->items[0].error, "bad/empty.png: the file is empty"));
    assert_non_null(strstr(w->items[1].error, "bad/text.png"));
    assert_int_equal(worklist_count(w, WORK_FAILED), 2);
    json_t *document = worklist_as_json(w);
    json_t *entry = json_array_get(json_object_get(document, "files"), 1);
    assert_string_equal(json_string_value(json_object_get(entry, "status")), "failed");
    assert_null(json_object_get(entry, "outputs"));
    json_decref(document);
    worklist_free(w);
    assert_int_equal(
        worklist_new(&w, scratch_path("absent"), scratch_path("absent-out"), &what, no_extras), -1);
    assert_error(STATUS_DATA, "absent", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_change_nothing),
        cmocka_unit_test(small_pictures_are_padded),
        cmocka_unit_test(damaged_weights_are_found_at_once),
        cmocka_unit_test(the_first_source_is_head_a),
        cmocka_unit_test(a_byte_is_its_255th),
        cmocka_unit_test(an_overflow_is_one_picture_s),
        cmocka_unit_test(worklists_name_their_results),
        cmocka_unit_test(worklists_follow_the_model),
        cmocka_unit_test(equal_results_are_refused),
        cmocka_unit_test(the_input_folder_is_no_output_folder),
        cmocka_unit_test(results_of_others_are_not_overwritten),
        cmocka_unit_test(another_program_s_manifest_stays),
        cmocka_unit_test(results_are_named_after_their_heads),
        cmocka_unit_test(an_overflow_leaves_the_others_results),
        cmocka_unit_test(bad_pictures_say_why),
    };
    return cmocka_run_group_tests_name("separate", tests, set_up, scratch_remove);
}
