/* Blends made on the device, from the sample sets and from sets in memory, and the error of images
 * (cl/image_error.cl). */
#include "base/error.h"
#include "base/files.h"
#include "data/idx.h"
#include "drawn_pictures.h"
#include "read_picture.h"
#include "sample_batches.h"
#include "scratch.h"

/* Pairs of SPLIT_TEST; what the buffers held before must not matter. */
static void test_pairs(fixture *f, uint64_t seed, unsigned stream, uint64_t position, batch *out)
{
    must(buffer_fill(f->device, f->blend, -1, 0, PIXELS * sizeof(float)));
    must(buffer_fill(f->device, f->truth, -1, 0, SOURCES * PIXELS * sizeof(float)));
    draw(f, f->test, SPLIT_TEST, seed, stream, position, out);
}

static void splits_have_their_shares(void **state)
{
    fixture *f = *state;
    for (int source = 0; source < 2; source++) {
        assert_int_equal(batches_count(f->training, SPLIT_TRAIN, source), TRAINING);
        assert_int_equal(batches_count(f->training, SPLIT_VALIDATION, source), HELD_OUT);
        assert_int_equal(batches_count(f->training, SPLIT_TEST, source), 0);
        assert_int_equal(batches_count(f->test, SPLIT_TEST, source), TEST);
        assert_int_equal(batches_count(f->test, SPLIT_TRAIN, source), 0);
    }
}

static void a_pair_follows_from_seed_stream_and_position(void **state)
{
    fixture *f = *state;
    static batch first, other;
    test_pairs(f, 7, STREAM_TRAIN, 40, &first);
    test_pairs(f, 7, STREAM_TRAIN, 40, &other);
    assert_memory_equal(&first, &other, sizeof first);
    test_pairs(f, 7, STREAM_TRAIN, 39, &other);
    assert_memory_equal(first.a, other.a + IMAGE, (BATCH - 1) * IMAGE * sizeof(float));
    assert_memory_equal(first.b, other.b + IMAGE, (BATCH - 1) * IMAGE * sizeof(float));
    test_pairs(f, 8, STREAM_TRAIN, 40, &other);
    assert_memory_not_equal(first.a, other.a, sizeof first.a);
    test_pairs(f, 7, STREAM_MIX, 40, &other);
    assert_memory_not_equal(first.a, other.a, sizeof first.a);
    test_pairs(f, 7, STREAM_TRAIN, (1UL << 32) + 40, &other);
    assert_memory_not_equal(first.a, other.a, sizeof first.a);
}

static void the_mixture_is_the_average(void **state)
{
    fixture *f = *state;
    static batch pairs;
    test_pairs(f, 1, STREAM_EVALUATE, 0, &pairs);
    for (int i = 0; i < PIXELS; i++) {
        float average = (pairs.a[i] + pairs.b[i]) / 2;
        assert_memory_equal(&pairs.mixture[i], &average, sizeof average);
    }
}

/* The image on the host: padded with zeros, one byte being 1/255. */
static void assert_image(const float *got, const dataset *set, int number)
{
    unsigned char image[SIDE * SIDE];
    const struct image_format size = set->format;
    must(read_picture(set, (size_t)number, image));
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            int row = y - BORDER, column = x - BORDER;
            bool inside = row >= 0 && row < size.height && column >= 0 && column < size.width;
            double wanted = inside ? image[row * size.width + column] / 255.0 : 0;
            assert_float_equal(got[y * SIDE + x], wanted, inside ? 1e-7 : 0);
        }
    }
}

static void the_host_draws_the_same_pairs(void **state)
{
    fixture *f = *state;
    static batch pairs;
    static const int counts[] = {TEST, TEST};
    dataset *sets[SOURCES];
    for (int k = 0; k < SOURCES; k++)
        must(source_open(&sets[k], &f->settings->data, k, DATASET_TEST));
    test_pairs(f, 3, STREAM_MIX, 5, &pairs);
    for (int n = 0; n < BATCH; n++) {
        int images[2];
        drawn_pictures(counts, SOURCES, 3, STREAM_MIX, 5 + (uint64_t)n, images);
        assert_image(pairs.a + n * IMAGE, sets[0], images[0]);
        assert_image(pairs.b + n * IMAGE, sets[1], images[1]);
    }
    for (int k = 0; k < SOURCES; k++)
        dataset_close(sets[k]);
}

/* ---- Splits ---- */

static unsigned long fingerprint(const float *image)
{
    unsigned long hash = 1469598103934665603UL;
    for (int i = 0; i < IMAGE; i++)
        hash = (hash ^ (unsigned long)(image[i] * 255 + 0.5f)) * 1099511628211UL;
    return hash;
}

enum { DRAWN = 20 * BATCH };

/* Of source 0 or 1. */
static void draw_fingerprints(fixture *f, enum split split, int source, unsigned long prints[DRAWN])
{
    static batch pairs;
    for (int done = 0; done < DRAWN; done += BATCH) {
        draw(f, f->training, split, 1, STREAM_TRAIN, (uint64_t)done, &pairs);
        for (int n = 0; n < BATCH; n++)
            prints[done + n] = fingerprint((source ? pairs.b : pairs.a) + n * IMAGE);
    }
}

static void splits_share_no_image(void **state)
{
    fixture *f = *state;
    unsigned long training[DRAWN], held_out[DRAWN];
    if (getenv("UNBLEND_TEST_SHAPES")) /* Oclgrind has seen the kernel by now */
        skip();
    for (int source = 0; source < 2; source++) {
        draw_fingerprints(f, SPLIT_TRAIN, source, training);
        draw_fingerprints(f, SPLIT_VALIDATION, source, held_out);
        for (int i = 0; i < DRAWN; i++)
            for (int k = 0; k < DRAWN; k++)
                if (training[i] == held_out[k])
                    fail_msg("source %d: an image of the training is also held out", source);
    }
}

/* ---- Sets whose images say which they are ---- */

/* 2 x 2 pixels, the number in the first two. */
static struct image_set numbered_set(int count)
{
    struct image_set set = {(size_t)count, {2, 2, 1}, calloc((size_t)count, 4)};
    assert_non_null(set.pixels);
    for (int i = 0; i < count; i++) {
        set.pixels[4 * i] = (unsigned char)(i % 256);
        set.pixels[4 * i + 1] = (unsigned char)(i / 256);
    }
    return set;
}

static int number_of(const float *image)
{
    const float *first = image + (SIDE / 2 - 1) * SIDE + SIDE / 2 - 1;
    return (int)(first[0] * 255 + 0.5f) + 256 * (int)(first[1] * 255 + 0.5f);
}

typedef struct numbered {
    settings *settings;
    struct image_set images[SOURCES];
    dataset *sets[SOURCES];
    batches *batches;
} numbered;

static settings *config_of(const char *share)
{
    settings *c;
    must(settings_load(&c, NULL, &share, 1));
    return c;
}

static numbered numbered_batches(fixture *f, int count_a, int count_b, const char *share,
                                 uint64_t seed)
{
    numbered n = {.settings = config_of(share)};
    n.images[0] = numbered_set(count_a);
    n.images[1] = numbered_set(count_b);
    for (int k = 0; k < SOURCES; k++)
        must(dataset_of_memory(&n.sets[k], &n.images[k]));
    must(batches_open_sets(&n.batches, f->device, &n.settings->data, seed, n.sets));
    return n;
}

static void release(numbered *n)
{
    batches_close(n->batches);
    for (int k = 0; k < SOURCES; k++) {
        dataset_close(n->sets[k]);
        image_set_release(&n->images[k]);
    }
    settings_free(n->settings);
}

/* Which image is at that place of the order that the splits follow, the held-out images last. */
static int number_at(const numbered *n, int source, int place)
{
    return (int)n->batches->sources[source].order[place];
}

/* All images that are drawn are those that the host draws, from that part of each set. */
static void draws_from(fixture *f, const numbered *n, enum split split, const int first[2],
                       const int count[2])
{
    static batch pairs;
    unsigned long drawn = getenv("UNBLEND_TEST_SHAPES") ? BATCH : DRAWN; /* Oclgrind is slow */
    for (int i = 0; i < 2; i++)
        assert_int_equal(batches_count(n->batches, split, i), count[i]);
    for (unsigned long done = 0; done < drawn; done += BATCH) {
        draw(f, n->batches, split, 4, STREAM_TRAIN, done, &pairs);
        for (unsigned long k = 0; k < BATCH; k++) {
            int images[2];
            drawn_pictures(count, SOURCES, 4, STREAM_TRAIN, done + k, images);
            assert_int_equal(number_of(pairs.a + k * IMAGE), number_at(n, 0, first[0] + images[0]));
            assert_int_equal(number_of(pairs.b + k * IMAGE), number_at(n, 1, first[1] + images[1]));
        }
    }
}

static void sets_of_two_sizes(fixture *f, int count_a, int count_b)
{
    numbered n = numbered_batches(f, count_a, count_b, "data.validation=0.2", 1);
    const int none[2] = {0, 0}, training[2] = {count_a * 4 / 5, count_b * 4 / 5};
    const int held_out[2] = {count_a - training[0], count_b - training[1]};
    draws_from(f, &n, SPLIT_TRAIN, none, training);
    draws_from(f, &n, SPLIT_VALIDATION, training, held_out);
    release(&n);
}

static void each_set_has_its_own_size(void **state)
{
    sets_of_two_sizes(*state, 10, 1000);
    sets_of_two_sizes(*state, 1000, 10);
}

/* How many of the images that b holds out a holds out as well. */
static int common_held_out(const numbered *a, const numbered *b, int source)
{
    int common = 0, held_out = batches_count(a->batches, SPLIT_VALIDATION, source);
    int first = (int)a->sets[source]->count - held_out;
    for (int i = 0; i < held_out; i++)
        for (int k = 0; k < held_out; k++)
            common += number_at(a, source, first + i) == number_at(b, source, first + k);
    return common;
}

static void what_is_held_out_follows_the_seed(void **state)
{
    fixture *f = *state;
    numbered one = numbered_batches(f, 100, 100, "data.validation=0.2", 1);
    numbered again = numbered_batches(f, 100, 100, "data.validation=0.2", 1);
    numbered two = numbered_batches(f, 100, 100, "data.validation=0.2", 2);
    for (int source = 0; source < 2; source++) {
        assert_int_equal(common_held_out(&one, &again, source), 20);
        assert_in_range(common_held_out(&one, &two, source), 0, 15);
    }
    assert_memory_not_equal(one.batches->sources[0].order, one.batches->sources[1].order, 400);
    release(&one);
    release(&again);
    release(&two);
}

/* A share above zero is never rounded to nothing, nor to all. */
static void a_small_share_holds_out_one(void **state)
{
    fixture *f = *state;
    static const struct {
        int count;
        const char *share;
        int held_out;
    } cases[] = {{3, "data.validation=0.2", 1},  {2000, "data.validation=0.0004", 1},
                 {2, "data.validation=0.9", 1},  {10, "data.validation=0.9", 9},
                 {2, "data.validation=1e-9", 1}, {1, "data.validation=0", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int count = cases[i].count;
        numbered n = numbered_batches(f, count, count, cases[i].share, 1);
        for (int source = 0; source < 2; source++) {
            assert_int_equal(batches_count(n.batches, SPLIT_VALIDATION, source), cases[i].held_out);
            assert_int_equal(batches_count(n.batches, SPLIT_TRAIN, source),
                             count - cases[i].held_out);
        }
        release(&n);
    }
}

static void one_image_cannot_be_split(void **state)
{
    fixture *f = *state;
    settings *c = config_of("data.validation=0.2");
    struct image_set images[SOURCES] = {numbered_set(5), numbered_set(1)};
    dataset *sets[SOURCES];
    batches *b;
    for (int k = 0; k < SOURCES; k++)
        must(dataset_of_memory(&sets[k], &images[k]));
    assert_int_equal(batches_open_sets(&b, f->device, &c->data, 1, sets), -1);
    assert_error(STATUS_DATA, "source fashion has 1 image", "data.validation");
    for (int k = 0; k < SOURCES; k++) {
        dataset_close(sets[k]);
        image_set_release(&images[k]);
    }
    settings_free(c);
}

/* Opens a set of one black picture of that format as the first source. */
static int open_odd(const settings *c, struct image_format format)
{
    static unsigned char pixels[34 * 34 * 3];
    struct image_set odd = {1, format, pixels};
    dataset *read;
    must(idx_write_images(scratch_path("odd/mnist/train-images-idx3-ubyte"), &odd));
    int result = source_open(&read, &c->data, 0, DATASET_TRAINING);
    if (!result)
        dataset_close(read);
    return result;
}

/* An odd border could not be the same on both sides. */
static void sets_of_other_formats_are_refused(void **state)
{
    static const struct {
        struct image_format format;
        const char *says;
    } cases[] = {{{27, 27, 1}, "pictures of 27 x 27 cannot lie in the middle of 32 x 32"},
                 {{28, 29, 1}, "pictures of 28 x 29 cannot lie in the middle of 32 x 32"},
                 {{27, 28, 1}, "pictures of 27 x 28 cannot lie in the middle of 32 x 32"},
                 {{34, 34, 1}, "pictures of 34 x 34 do not fit data.size, 32 x 32"},
                 {{28, 28, 3}, "its pictures have 3 channels, data.channels is 1"}};
    const char *overrides[1];
    char directory[600];
    assert_int_equal(scratch_make(state), 0);
    assert_int_equal(directory_make(scratch_path("odd/mnist")), 0);
    snprintf(directory, sizeof directory, "data.directory=%s", scratch_path("odd"));
    overrides[0] = directory;
    settings *c;
    must(settings_load(&c, NULL, overrides, 1));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(open_odd(c, cases[i].format), -1);
        assert_error(STATUS_DATA, "data set mnist", cases[i].says);
    }
    assert_int_equal(open_odd(c, (struct image_format){28, 26, 1}), 0); /* need not be square */
    c->data.mixture.format.channels = 3;
    assert_int_equal(open_odd(c, (struct image_format){28, 28, 1}), -1);
    assert_error(STATUS_DATA, "data set mnist", "its pictures have 1 channel, data.channels is 3");
    settings_free(c);
    scratch_remove(state);
}

static void sets_in_memory_give_the_same_pairs(void **state)
{
    fixture *f = *state;
    static batch read, given;
    dataset *sets[SOURCES];
    batches *b;
    for (int k = 0; k < SOURCES; k++)
        must(source_open(&sets[k], &f->settings->data, k, DATASET_TRAINING));
    must(batches_open_sets(&b, f->device, &f->settings->data, 1, sets));
    for (int k = 0; k < SOURCES; k++) {
        assert_int_equal(sets[k]->count, TRAINING + HELD_OUT); /* still the caller's */
        dataset_close(sets[k]);
    }
    assert_int_equal(batches_count(b, SPLIT_VALIDATION, 1), HELD_OUT);
    draw(f, f->training, SPLIT_TRAIN, 2, STREAM_TRAIN, 3, &read);
    draw(f, b, SPLIT_TRAIN, 2, STREAM_TRAIN, 3, &given);
    assert_memory_equal(&read, &given, sizeof read);
    batches_close(b);
}

static void a_split_of_the_other_kind_is_refused(void **state)
{
    fixture *f = *state;
    assert_int_equal(
        batches_next(f->test, SPLIT_TRAIN, 1, STREAM_TRAIN, 0, BATCH, f->blend, f->truth), -1);
    assert_error(STATUS_DATA, "source mnist", "no images");
}

static void a_missing_set_is_named(void **state)
{
    (void)state;
    static const char *const overrides[] = {"data.directory=tests/sample",
                                            "data.sources=mnist, none"};
    settings *c;
    dataset *set;
    must(settings_load(&c, NULL, overrides, 2));
    assert_int_equal(source_open(&set, &c->data, 1, DATASET_TEST), -1);
    assert_error(STATUS_DATA,
                 "tests/sample/none: no such folder, which should hold t10k-images-idx3-ubyte",
                 "data.directory says");
    settings_free(c);
}

/* ---- Three sources of colour ---- */

enum { MANY = 3, CHANNELS = 3, HEIGHT = 6, WIDTH = 10, COLOUR_BATCH = 4 };

/* 4 x 6 pixels whose channels tell source, picture, place and channel apart. */
static unsigned char colour_at(int source, int number, int y, int x, int c)
{
    return (unsigned char)(source * 80 + number * 30 + y * 6 + x * CHANNELS + c);
}

static struct image_set colour_set(int source, int count)
{
    struct image_set set = {(size_t)count, {4, 6, CHANNELS}, malloc((size_t)count * 72)};
    assert_non_null(set.pixels);
    unsigned char *to = set.pixels;
    for (int number = 0; number < count; number++)
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 6; x++)
                for (int c = 0; c < CHANNELS; c++)
                    *to++ = colour_at(source, number, y, x, c);
    return set;
}

static double colour_wanted(int source, int number, int y, int x, int c)
{
    bool inside = y >= 1 && y < 5 && x >= 2 && x < 8;
    return inside ? colour_at(source, number, y - 1, x - 2, c) / 255.0 : 0;
}

static void check_colours(const batches *b, const float *blend, const float *truth)
{
    static const int counts[MANY] = {3, 2, 1};
    for (int n = 0; n < COLOUR_BATCH; n++) {
        int numbers[MANY];
        drawn_pictures(counts, MANY, 9, STREAM_CHECK, 100 + (uint64_t)n, numbers);
        for (int i = 0; i < HEIGHT * WIDTH * CHANNELS; i++) {
            int c = i % CHANNELS, x = i / CHANNELS % WIDTH, y = i / CHANNELS / WIDTH;
            double sum = 0;
            for (int k = 0; k < MANY; k++) {
                int number = (int)b->sources[k].order[numbers[k]];
                double wanted = colour_wanted(k, number, y, x, c);
                size_t pixel = (size_t)((n * HEIGHT + y) * WIDTH + x);
                assert_float_equal(truth[(pixel * MANY + (size_t)k) * CHANNELS + (size_t)c], wanted,
                                   1e-7);
                sum += wanted;
            }
            assert_float_equal(blend[n * HEIGHT * WIDTH * CHANNELS + i], sum / MANY, 1e-6);
        }
    }
}

static void three_sources_of_colour_are_blended(void **state)
{
    fixture *f = *state;
    static const char *const overrides[] = {"data.sources=p, q, r", "data.size=6x10",
                                            "data.channels=3", "data.validation=0"};
    enum { BLEND = COLOUR_BATCH * HEIGHT * WIDTH * CHANNELS };
    static float blend[BLEND], truth[MANY * BLEND];
    struct image_set images[MANY];
    dataset *sets[MANY];
    batches *b;
    settings *c;
    cl_mem on_device[2];
    must(settings_load(&c, NULL, overrides, 4));
    for (int k = 0; k < MANY; k++) {
        images[k] = colour_set(k, MANY - k);
        must(dataset_of_memory(&sets[k], &images[k]));
    }
    must(batches_open_sets(&b, f->device, &c->data, 1, sets));
    assert_int_equal(batches_mixture(b)->inner_height, 4);
    assert_int_equal(batches_mixture(b)->inner_width, 6);
    must(buffer_new(f->device, sizeof blend, "blend", &on_device[0]));
    must(buffer_new(f->device, sizeof truth, "truth", &on_device[1]));
    must(buffer_fill(f->device, on_device[0], -1, 0, sizeof blend));
    must(buffer_fill(f->device, on_device[1], -1, 0, sizeof truth));
    must(batches_next(b, SPLIT_TRAIN, 9, STREAM_CHECK, 100, COLOUR_BATCH, on_device[0],
                      on_device[1]));
    must(buffer_read(f->device, on_device[0], 0, blend, sizeof blend));
    must(buffer_read(f->device, on_device[1], 0, truth, sizeof truth));
    check_colours(b, blend, truth);
    for (int i = 0; i < 2; i++)
        buffer_free(f->device, &on_device[i]);
    batches_close(b);
    for (int k = 0; k < MANY; k++) {
        dataset_close(sets[k]);
        image_set_release(&images[k]);
    }
    settings_free(c);
}

/* ---- The error of each image ---- */

static void image_errors_are_sums_of_squares(void **state)
{
    fixture *f = *state;
    static float found[SOURCES * PIXELS], truth[SOURCES * PIXELS];
    float errors[BATCH * SOURCES];
    cl_mem sums, other;
    kernel *k = kernel_get(f->device, "image_error", "", "image_error");
    if (!k)
        fail_msg("%s", error_message());
    must(buffer_new(f->device, sizeof errors, "errors", &sums));
    must(buffer_new(f->device, sizeof found, "found", &other));
    must(buffer_fill(f->device, other, -1, 0, sizeof found));
    must(buffer_fill(f->device, f->truth, -1, 0, sizeof truth));
    must(batches_next(f->test, SPLIT_TEST, 1, STREAM_CHECK, 0, BATCH, f->blend, f->truth));
    must(batches_next(f->test, SPLIT_TEST, 1, STREAM_CHECK, 50, BATCH, f->blend, other));
    must(LAUNCH(f->device, k, range_flat(BATCH * SOURCES), ARG(other), ARG(f->truth), ARG(sums),
                ARG((int)BATCH), ARG((int)IMAGE), ARG((int)SOURCES), ARG(1)));
    must(buffer_read(f->device, sums, 0, errors, sizeof errors));
    must(buffer_read(f->device, other, 0, found, sizeof found));
    must(buffer_read(f->device, f->truth, 0, truth, sizeof truth));
    for (int i = 0; i < BATCH * SOURCES; i++) {
        double wanted = 0;
        for (int p = 0; p < IMAGE; p++) {
            size_t at = (size_t)((i / SOURCES * IMAGE + p) * SOURCES + i % SOURCES);
            wanted += ((double)found[at] - truth[at]) * ((double)found[at] - truth[at]);
        }
        assert_true(wanted > 1);
        assert_float_equal(errors[i], wanted, 1e-5 * wanted);
    }
    buffer_free(f->device, &sums);
    buffer_free(f->device, &other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_have_their_shares),
        cmocka_unit_test(a_pair_follows_from_seed_stream_and_position),
        cmocka_unit_test(the_mixture_is_the_average),
        cmocka_unit_test(the_host_draws_the_same_pairs),
        cmocka_unit_test(splits_share_no_image),
        cmocka_unit_test(each_set_has_its_own_size),
        cmocka_unit_test(what_is_held_out_follows_the_seed),
        cmocka_unit_test(a_small_share_holds_out_one),
        cmocka_unit_test(one_image_cannot_be_split),
        cmocka_unit_test(sets_of_other_formats_are_refused),
        cmocka_unit_test(sets_in_memory_give_the_same_pairs),
        cmocka_unit_test(a_split_of_the_other_kind_is_refused),
        cmocka_unit_test(a_missing_set_is_named),
        cmocka_unit_test(three_sources_of_colour_are_blended),
        cmocka_unit_test(image_errors_are_sums_of_squares),
    };
    return cmocka_run_group_tests_name("batches", tests, set_up, tear_down);
}
