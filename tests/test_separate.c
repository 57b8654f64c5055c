/* Separating pictures, and jobs over folders. Where the model's weights are random, what is compared
 * is one way of asking with another. */
#include "blank_model.h"
#include "scratch.h"
#include "tiny_model.h"

#include "base/files.h"
#include "base/log.h"
#include "separate/earlier.h"
#include "separate/separator.h"

enum { PIXELS = IMAGE_SIZE * IMAGE_SIZE, SMALL = 28 };

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    if (scratch_make(state) || tiny_model_save(scratch_path("tiny.safetensors"))) {
        print_error("%s\n", error_message());
        return -1;
    }
    return 0;
}

static separator *open_tiny(int batch)
{
    model_file file;
    separator *s;
    const char *path = scratch_path("tiny.safetensors");
    assert_int_equal(model_open(path, NULL, 0, &file), 0);
    assert_int_equal(separator_open(&s, path, &file, batch), 0);
    model_close(&file);
    return s;
}

static separation square(int side, const unsigned char *mixture, unsigned char *a, unsigned char *b)
{
    return (separation){.width = side, .height = side, .mixture = mixture, .sources = {a, b}};
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
        items[i] = square(IMAGE_SIZE, pixels[i], many[i][0], many[i][1]);
    }
    assert_int_equal(separator_run(s, items, COUNT), 0);
    for (int i = 0; i < COUNT; i++) {
        separation alone = square(IMAGE_SIZE, pixels[i], one[0], one[1]);
        assert_int_equal(separator_run(s, &alone, 1), 0);
        assert_memory_equal(one, many[i], sizeof one);
        assert_true(memcmp(one[0], one[1], PIXELS)); /* two different heads */
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
    separation items[] = {square(SMALL, small, from_small[0], from_small[1]),
                          square(IMAGE_SIZE, padded, from_padded[0], from_padded[1])};
    assert_int_equal(separator_run(s, items, 2), 0);
    for (int k = 0; k < SOURCES; k++)
        for (int y = 0; y < SMALL; y++)
            assert_memory_equal(from_small[k] + y * SMALL,
                                from_padded[k] + (y + 2) * IMAGE_SIZE + 2, SMALL);
    separator_close(s);
}

static void other_sizes_are_refused(void **state)
{
    (void)state;
    unsigned char pixels[64 * 64] = {0};
    separator *s = open_tiny(1);
    separation wide = square(28, pixels, pixels, pixels),
               large = square(64, pixels, pixels, pixels);
    wide.width = 32;
    assert_int_equal(separator_run(s, &wide, 1), -1);
    assert_error(STATUS_DATA, "32 x 28 pixels", "28 x 28 and 32 x 32");
    assert_int_equal(separator_run(s, &large, 1), -1);
    assert_error(STATUS_DATA, "64 x 64 pixels", "28 x 28 and 32 x 32");
    separator_close(s);
}

static void damaged_weights_are_found_at_once(void **state)
{
    (void)state;
    model_file file;
    separator *s;
    const char *path = scratch_path("tiny.safetensors");
    assert_int_equal(model_open(path, NULL, 0, &file), 0);
    const struct stored_tensor *bias = safetensors_find(file.tensors, "head_b/bias");
    assert_non_null(bias);
    memset((void *)bias->data, 0xFF, sizeof(float)); /* a NaN */
    assert_int_equal(separator_open(&s, path, &file, 1), -1);
    assert_error(STATUS_DATA, path, "not a number");
    model_close(&file);
}

/* ---- Models whose answer is known ---- */

static separator *open_blank_as(model_file *file, const char *path, int batch)
{
    separator *s;
    if (separator_open(&s, path, file, batch))
        fail_msg("%s", error_message());
    model_close(file);
    return s;
}

/* A model that finds white: steep sigmoids, the first of which is at 0.998, so that 255 is 1 and
 * nothing less is. The second head is 0.8 everywhere. */
static separator *open_finder_of_white(void)
{
    enum { MIDDLE = 4 }; /* of 3 x 3 */
    model_file file;
    blank_model_open(&file, scratch_path("tiny.safetensors"));
    blank_model_set(&file, "encoder1/conv1/kernel", MIDDLE * 2, 400); /* (3, 3, 1, 2) */
    blank_model_set(&file, "encoder1/conv1/bias", 0, -0.998f * 400);
    blank_model_set(&file, "encoder1/norm1/gamma", -1, 1);
    blank_model_set(&file, "decoder1/conv1/kernel", (MIDDLE * 4 + 2) * 2,
                    40); /* (3, 3, 4, 2), behind `up` */
    blank_model_set(&file, "decoder1/conv1/bias", 0, -20);
    blank_model_set(&file, "decoder1/norm1/gamma", -1, 1);
    blank_model_set(&file, "head_a/kernel", 0, 20); /* (1, 1, 2, 1) */
    blank_model_set(&file, "head_a/bias", 0, -10);
    blank_model_set(&file, "head_b/bias", 0, 1.3862944f); /* log 4 */
    return open_blank_as(&file, "white", 2);
}

static void pixels_are_what_the_model_sees(void **state)
{
    (void)state;
    unsigned char mixture[2][PIXELS], found[2][SOURCES][PIXELS];
    separator *s = open_finder_of_white();
    for (int i = 0; i < PIXELS; i++) {
        mixture[0][i] = (unsigned char)(i % 256);
        mixture[1][i] = i % 5 ? 254 : 255;
    }
    separation items[] = {square(IMAGE_SIZE, mixture[0], found[0][0], found[0][1]),
                          square(SMALL, mixture[1], found[1][0], found[1][1])};
    assert_int_equal(separator_run(s, items, 2), 0);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < items[k].width * items[k].height; i++) {
            assert_int_equal(found[k][0][i], mixture[k][i] == 255 ? 255 : 0);
            assert_int_equal(found[k][1][i], 204);
        }
    separator_close(s);
}

static void one_picture_that_overflows_is_named_alone(void **state)
{
    (void)state;
    enum { COUNT = 5 };
    model_file file;
    unsigned char mixture[COUNT][PIXELS], found[SOURCES][PIXELS];
    separation items[COUNT];
    blank_model_open(&file, scratch_path("tiny.safetensors"));
    blank_model_overflows(&file);
    separator *s = open_blank_as(&file, "steep.safetensors", 2);
    for (int i = 0; i < COUNT; i++) {
        memset(mixture[i], i == 1 || i == 4 ? 255 : 20, PIXELS);
        items[i] = square(IMAGE_SIZE, mixture[i], found[0], found[1]);
    }
    for (int again = 0; again < 2; again++) { /* the verdict is of this run, not of one before */
        assert_int_equal(separator_run(s, items, COUNT), 0);
        for (int i = 0; i < COUNT; i++) {
            bool bright = mixture[i][0] == 255;
            assert_int_equal(separator_check(s, &items[i], "cat.png"), bright ? -1 : 0);
            if (bright)
                assert_error(STATUS_DATA,
                             "cat.png: ", "the model steep.safetensors is not a number");
            memset(mixture[i], i == 2 ? 255 : 20, PIXELS);
        }
    }
    separator_close(s);
}

/* ---- Jobs ---- */

static const char *const names[SOURCES] = {"mnist", "fashion"};

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

/* Runs a job without a model, and leaves its manifest as `separate` does. */
static void finish(job *j)
{
    static const unsigned char black[PIXELS];
    const unsigned char *const sources[SOURCES] = {black, black};
    struct image picture;
    assert_int_equal(directory_make(j->output), 0);
    for (size_t i = 0; i < j->count; i++) {
        if (job_read(j, &j->files[i], &picture)) {
            assert_int_equal(error_status(), STATUS_DATA);
            assert_int_equal(job_fail(j, &j->files[i]), 0);
            continue;
        }
        image_release(&picture);
        if (job_write(j, &j->files[i], sources)) {
            assert_int_equal(error_status(), STATUS_DATA);
            assert_int_equal(job_fail(j, &j->files[i]), 0);
        }
    }
    json_t *manifest = job_as_json(j, true);
    assert_int_equal(json_object_set_new(manifest, "unblend", json_string("test")), 0);
    char *path = path_join(j->output, MANIFEST_NAME);
    assert_int_equal(write_json(path, manifest), 0);
    free(path);
}

static void jobs_name_their_results(void **state)
{
    (void)state;
    job *j;
    const char *in = make_folder("named", PICTURES("a.b.png", "cat.png", "caf\xe9.png"), 28);
    assert_int_equal(job_new(&j, in, scratch_path("named-out"), names), 0);
    assert_int_equal(j->count, 3);
    assert_string_equal(j->files[0].outputs[0], "a.b.mnist.png");
    assert_string_equal(j->files[2].outputs[1], "cat.fashion.png");
    finish(j);
    assert_int_equal(job_count(j, JOB_DONE), 3);
    assert_int_equal(j->files[2].width, 28);
    json_t *document = job_as_json(j, true);
    json_t *odd = json_array_get(json_object_get(document, "files"), 1);
    assert_string_equal(json_string_value(json_object_get(odd, "input")), "caf\\xE9.png");
    json_decref(document);
    job_free(j);
    /* a second run of the same folder may write over its own results */
    assert_int_equal(job_new(&j, in, scratch_path("named-out"), names), 0);
    job_free(j);
}

static void equal_results_are_refused(void **state)
{
    (void)state;
    job *j;
    const char *in = make_folder("equal", PICTURES("cat.jpg", "cat.m.png", "cat.png"), 32);
    assert_int_equal(job_new(&j, in, scratch_path("equal-out"), names), -1);
    assert_error(STATUS_DATA, "cat.jpg and cat.png", "cat.mnist.png");
    assert_false(directory_exists(scratch_path("equal-out")));
}

static void the_input_folder_is_no_output_folder(void **state)
{
    (void)state;
    job *j;
    const char *in = make_folder("same", PICTURES("cat.png"), 32);
    assert_int_equal(job_new(&j, in, scratch_path("same/../same/"), names), -1);
    assert_error(STATUS_USAGE, "same/../same", "choose another");
}

static void results_of_others_are_not_overwritten(void **state)
{
    (void)state;
    job *j;
    const char *first = make_folder("first", PICTURES("cat.png"), 32);
    const char *second = make_folder("second", PICTURES("cat.png"), 32);
    const char *out = scratch_path("shared");
    assert_int_equal(job_new(&j, first, out, names), 0);
    finish(j);
    job_free(j);
    assert_int_equal(job_new(&j, second, out, names), -1);
    assert_error(STATUS_USAGE, "shared/cat.mnist.png", "second/cat.png");

    make_folder("foreign", PICTURES("cat.fashion.png"), 32);
    assert_int_equal(job_new(&j, first, scratch_path("foreign"), names), -1);
    assert_error(STATUS_USAGE, "foreign/cat.fashion.png", "first/cat.png");
}

static void another_program_s_manifest_stays(void **state)
{
    (void)state;
    static const char *const contents[] = {"{\"name\": \"app\"}", "not JSON", "[1]", "",
                                           "{\"unblend\": \"1\"}"};
    job *j;
    const char *in = make_folder("input", PICTURES("cat.png"), 32);
    const char *out = make_folder("app", NULL, 0);
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        scratch_file("app/manifest.json", contents[i], strlen(contents[i]));
        assert_int_equal(job_new(&j, in, out, names), -1);
        assert_error(STATUS_USAGE, "app/manifest.json", "not a manifest of unblend");
    }
}

static void bad_pictures_say_why(void **state)
{
    (void)state;
    job *j;
    struct image picture;
    const char *in = make_folder("bad", PICTURES("large.png"), 30);
    scratch_file("bad/text.png", "hello", 5);
    assert_int_equal(job_new(&j, in, scratch_path("bad-out"), names), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(job_read(j, &j->files[i], &picture), -1);
        assert_int_equal(error_status(), STATUS_DATA);
        assert_int_equal(job_fail(j, &j->files[i]), 0);
    }
    assert_non_null(strstr(j->files[0].error, "bad/large.png: 30 x 30 pixels"));
    assert_non_null(strstr(j->files[1].error, "bad/text.png"));
    assert_int_equal(job_count(j, JOB_FAILED), 2);
    json_t *document = job_as_json(j, true);
    json_t *entry = json_array_get(json_object_get(document, "files"), 1);
    assert_string_equal(json_string_value(json_object_get(entry, "status")), "failed");
    assert_null(json_object_get(entry, "outputs"));
    json_decref(document);
    job_free(j);
    assert_int_equal(job_new(&j, scratch_path("absent"), scratch_path("absent-out"), names), -1);
    assert_error(STATUS_DATA, "absent", "");
}

/* A run into that folder, in which so many pictures fail. */
static void run_job(const char *in, const char *out, size_t failed)
{
    job *j;
    if (job_new(&j, in, out, names))
        fail_msg("%s", error_message());
    finish(j);
    assert_int_equal(job_count(j, JOB_FAILED), failed);
    job_free(j);
}

static bool manifest_holds(const char *out, const char *text)
{
    unsigned char *bytes;
    size_t length;
    char *path = path_join(out, MANIFEST_NAME);
    assert_int_equal(file_read(path, 1 << 20, STATUS_DATA, &bytes, &length), 0);
    bool found = strstr((const char *)bytes, text);
    free(bytes);
    free(path);
    return found;
}

/* Well, then damaged, then repaired. The results of the picture that is no more go. */
static void results_follow_their_picture(void **state)
{
    (void)state;
    char in[1024], out[1024];
    snprintf(in, sizeof in, "%s", make_folder("ill", PICTURES("cat.png", "dog.png"), 32));
    snprintf(out, sizeof out, "%s", scratch_path("ill-out"));
    run_job(in, out, 0);
    assert_true(file_exists(scratch_path("ill-out/cat.fashion.png")));
    for (int twice = 0; twice < 2; twice++) {
        scratch_file("ill/cat.png", "\x89PNG\r\n\x1a\n", 8);
        run_job(in, out, 1);
        assert_false(file_exists(scratch_path("ill-out/cat.mnist.png")));
        assert_false(file_exists(scratch_path("ill-out/cat.fashion.png")));
        assert_true(file_exists(scratch_path("ill-out/dog.mnist.png")));
        assert_false(manifest_holds(out, "cat.mnist.png"));
    }
    make_folder("ill", PICTURES("cat.png"), 32);
    run_job(in, out, 0);
    assert_true(file_exists(scratch_path("ill-out/cat.mnist.png")));
}

/* What somebody else put where a failed picture's results were is his. */
static void a_failed_picture_owns_nothing(void **state)
{
    (void)state;
    job *j;
    const char *in = make_folder("hurt", PICTURES("cat.png", "dog.png"), 32);
    const char *out = scratch_path("hurt-out");
    scratch_file("hurt/cat.png", "x", 1);
    run_job(in, out, 1);
    scratch_file("hurt-out/cat.mnist.png", "mine", 4);
    assert_int_equal(job_new(&j, in, out, names), -1);
    assert_error(STATUS_USAGE, "hurt-out/cat.mnist.png", "hurt/cat.png");
    assert_true(file_exists(scratch_path("hurt-out/cat.mnist.png")));
}

/* Away for a run or two, its results stay, are named as earlier ones, and are known again later. */
static void results_of_absent_pictures_are_known_again(void **state)
{
    (void)state;
    static const char *const others[SOURCES] = {"digit", "clothes"};
    char in[1024], other[1024], out[1024];
    job *j;
    snprintf(in, sizeof in, "%s", make_folder("away", PICTURES("caf\xe9.png", "dog.png"), 32));
    snprintf(other, sizeof other, "%s", make_folder("elsewhere", PICTURES("elk.png"), 32));
    snprintf(out, sizeof out, "%s", scratch_path("away-out"));
    run_job(in, out, 0);
    assert_true(manifest_holds(out, "\"earlier\": []"));
    assert_int_equal(unlink(scratch_path("away/caf\xe9.png")), 0);
    run_job(in, out, 0);
    run_job(other, out, 0);                            /* another folder in between */
    assert_int_equal(job_new(&j, in, out, others), 0); /* and another model */
    finish(j);
    job_free(j);
    assert_true(manifest_holds(out, "\"output\": \"caf\\\\xE9.mnist.png\""));
    assert_true(manifest_holds(out, "\"output\": \"elk.fashion.png\""));
    assert_true(manifest_holds(out, "\"output\": \"dog.mnist.png\""));
    make_folder("away", PICTURES("caf\xe9.png"), 32);
    run_job(in, out, 0);
    assert_false(manifest_holds(out, "\"output\": \"dog.mnist.png\""));
    assert_true(manifest_holds(out, "\"output\": \"dog.digit.png\""));
    /* what is no more there is not known any more: a file of that name is another's */
    assert_int_equal(unlink(scratch_path("away-out/elk.mnist.png")), 0);
    run_job(in, out, 0);
    scratch_file("away-out/elk.mnist.png", "mine", 4);
    assert_int_equal(job_new(&j, other, out, names), -1);
    assert_error(STATUS_USAGE, "elk.mnist.png", "elsewhere/elk.png");
}

/* A name that is too long for a result, or that a folder has: this picture's fault, no other's. */
static void one_bad_name_fails_alone(void **state)
{
    (void)state;
    long longest = pathconf(scratch, _PC_NAME_MAX);
    if (longest < 32 || longest > 300)
        skip();
    char fits[310] = "", one_less[310] = "", too_long[310] = "";
    memset(fits, 'f', (size_t)longest - strlen(".fashion.png"));
    memset(too_long, 't', (size_t)longest - strlen(".fashion.png") + 1);
    strcat(fits, ".png");
    strcat(too_long, ".png");
    snprintf(one_less, sizeof one_less, "%.*s.fashion.png",
             (int)(longest - (long)strlen(".fashion.png")), fits);
    const char *in = make_folder("long", PICTURES("a.png", fits, too_long, "way.png"), 32);
    const char *out = make_folder("long-out", NULL, 0);
    make_folder("long-out/way.fashion.png", NULL, 0);
    for (int twice = 0; twice < 2; twice++) {
        job *j;
        assert_int_equal(job_new(&j, in, out, names), 0);
        finish(j);
        assert_int_equal(j->files[0].status, JOB_DONE);
        assert_int_equal(j->files[1].status, JOB_DONE);
        assert_int_equal(j->files[2].status, JOB_FAILED);
        assert_non_null(strstr(j->files[2].error, "File name too long"));
        assert_int_equal(j->files[3].status, JOB_FAILED);
        assert_non_null(
            strstr(j->files[3].error, "way.fashion.png: cannot be written: not a regular"));
        job_free(j);
        char *longer = path_join(out, one_less);
        assert_true(file_exists(longer));
        free(longer);
        assert_false(file_exists(scratch_path("long-out/way.mnist.png"))); /* no half of a pair */
        assert_true(directory_exists(scratch_path("long-out/way.fashion.png")));
    }
}

/* A folder that takes nothing is no picture's fault. */
static void a_lost_folder_stops_the_job(void **state)
{
    (void)state;
    static const unsigned char black[PIXELS];
    const unsigned char *const sources[SOURCES] = {black, black};
    job *j;
    const char *in = make_folder("lost", PICTURES("a.png"), 32);
    assert_int_equal(job_new(&j, in, scratch_path("lost-out"), names), 0);
    j->files[0].width = j->files[0].height = 32;
    assert_int_equal(job_write(j, &j->files[0], sources), -1);
    assert_error(STATUS_RUNTIME, "lost-out/a.mnist.png", "No such file");
    job_free(j);
}

static void what_is_not_taken_is_listed(void **state)
{
    (void)state;
    job *j;
    const char *in = make_folder("mixed", PICTURES("a.png"), 28), *out = scratch_path("mixed-out");
    make_folder("mixed/truth", NULL, 0);
    scratch_file("mixed/b.gif", "GIF89a", 6);
    assert_int_equal(symlink("nothing", scratch_path("mixed/c.png")), 0);
    assert_int_equal(job_new(&j, in, out, names), 0);
    assert_int_equal(j->not_taken.count, 1);
    finish(j);
    assert_int_equal(j->files[1].status, JOB_FAILED);
    assert_non_null(strstr(j->files[1].error, "c.png: a link that leads nowhere: No such file"));
    job_free(j);
    assert_true(manifest_holds(out, "\"not_taken\": [\n    \"b.gif\"\n  ]"));
    assert_true(manifest_holds(out, "c.png: a link that leads nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_change_nothing),
        cmocka_unit_test(small_pictures_are_padded),
        cmocka_unit_test(other_sizes_are_refused),
        cmocka_unit_test(damaged_weights_are_found_at_once),
        cmocka_unit_test(pixels_are_what_the_model_sees),
        cmocka_unit_test(one_picture_that_overflows_is_named_alone),
        cmocka_unit_test(jobs_name_their_results),
        cmocka_unit_test(equal_results_are_refused),
        cmocka_unit_test(the_input_folder_is_no_output_folder),
        cmocka_unit_test(results_of_others_are_not_overwritten),
        cmocka_unit_test(another_program_s_manifest_stays),
        cmocka_unit_test(bad_pictures_say_why),
        cmocka_unit_test(results_follow_their_picture),
        cmocka_unit_test(a_failed_picture_owns_nothing),
        cmocka_unit_test(results_of_absent_pictures_are_known_again),
        cmocka_unit_test(one_bad_name_fails_alone),
        cmocka_unit_test(a_lost_folder_stops_the_job),
        cmocka_unit_test(what_is_not_taken_is_listed),
    };
    return cmocka_run_group_tests_name("separate", tests, set_up, scratch_remove);
}
