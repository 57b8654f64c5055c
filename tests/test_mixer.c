/* Pairs made on the device from the sample sets, and the error of images (cl/image_error.cl). */
#include "base/error.h"
#include "base/files.h"
#include "base/streams.h"
#include "data/mixer.h"
#include "scratch.h"
#include "test_choice.h"

enum { BATCH = 6, SIDE = 32, BORDER = 2, IMAGE = SIDE * SIDE, PIXELS = BATCH * IMAGE };
enum { TRAINING = 1600, HELD_OUT = 400, TEST = 500 }; /* images of each sample set */

typedef struct fixture {
    device *device;
    settings *settings;
    mixer *training, *test;
    cl_mem mixture, a, b;
} fixture;

/* A batch on the host: mixture, a, b, each (BATCH, SIDE, SIDE). */
typedef struct batch {
    float mixture[PIXELS], a[PIXELS], b[PIXELS];
} batch;

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static int set_up(void **state)
{
    static const char *const overrides[] = {"data.directory=tests/sample"};
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    must(settings_load(&f->settings, NULL, overrides, 1));
    must(device_open(&f->device, test_choice(KERNELS_AUTO)));
    must(mixer_open(&f->training, f->device, f->settings, false));
    must(mixer_open(&f->test, f->device, f->settings, true));
    must(buffer_new(f->device, PIXELS * sizeof(float), "mixture", &f->mixture));
    must(buffer_new(f->device, PIXELS * sizeof(float), "a", &f->a));
    must(buffer_new(f->device, PIXELS * sizeof(float), "b", &f->b));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    buffer_free(f->device, &f->mixture);
    buffer_free(f->device, &f->a);
    buffer_free(f->device, &f->b);
    mixer_close(f->training);
    mixer_close(f->test);
    device_close(f->device);
    settings_free(f->settings);
    free(f);
    return 0;
}

static void read_batch(fixture *f, batch *out)
{
    must(buffer_read(f->device, f->mixture, 0, out->mixture, sizeof out->mixture));
    must(buffer_read(f->device, f->a, 0, out->a, sizeof out->a));
    must(buffer_read(f->device, f->b, 0, out->b, sizeof out->b));
}

/* Pairs of SPLIT_TEST; what the buffers held before must not matter. */
static void test_pairs(fixture *f, unsigned long seed, unsigned stream, unsigned long position,
                       batch *out)
{
    must(buffer_fill(f->device, f->mixture, -1, 0, PIXELS * sizeof(float)));
    must(buffer_fill(f->device, f->a, -1, 0, PIXELS * sizeof(float)));
    must(buffer_fill(f->device, f->b, -1, 0, PIXELS * sizeof(float)));
    must(mixer_batch(f->test, SPLIT_TEST, seed, stream, position, BATCH, f->mixture, f->a, f->b));
    read_batch(f, out);
}

static void splits_have_their_shares(void **state)
{
    fixture *f = *state;
    for (int source = 0; source < 2; source++) {
        assert_int_equal(mixer_count(f->training, SPLIT_TRAIN, source), TRAINING);
        assert_int_equal(mixer_count(f->training, SPLIT_VALIDATION, source), HELD_OUT);
        assert_int_equal(mixer_count(f->training, SPLIT_TEST, source), 0);
        assert_int_equal(mixer_count(f->test, SPLIT_TEST, source), TEST);
        assert_int_equal(mixer_count(f->test, SPLIT_TRAIN, source), 0);
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
static void assert_image(const float *got, const struct image_set *set, int number)
{
    const unsigned char *image = set->pixels + (size_t)number * set->height * set->width;
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            int row = y - BORDER, column = x - BORDER;
            bool inside = row >= 0 && row < set->height && column >= 0 && column < set->width;
            double wanted = inside ? image[row * set->width + column] / 255.0 : 0;
            assert_float_equal(got[y * SIDE + x], wanted, inside ? 1e-7 : 0);
        }
    }
}

static void the_host_draws_the_same_pairs(void **state)
{
    fixture *f = *state;
    static batch pairs;
    static const int counts[] = {TEST, TEST};
    struct image_set sets[2];
    must(source_read(f->settings, 0, true, &sets[0]));
    must(source_read(f->settings, 1, true, &sets[1]));
    test_pairs(f, 3, STREAM_MIX, 5, &pairs);
    for (int n = 0; n < BATCH; n++) {
        int images[2];
        mixer_pair(counts, 3, STREAM_MIX, 5 + (unsigned long)n, images);
        assert_image(pairs.a + n * IMAGE, &sets[0], images[0]);
        assert_image(pairs.b + n * IMAGE, &sets[1], images[1]);
    }
    image_set_release(&sets[0]);
    image_set_release(&sets[1]);
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
        must(mixer_batch(f->training, split, 1, STREAM_TRAIN, (unsigned long)done, BATCH,
                         f->mixture, f->a, f->b));
        read_batch(f, &pairs);
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
    struct image_set set = {(size_t)count, 2, 2, calloc((size_t)count, 4)};
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
    struct image_set sets[2];
    mixer *mixer;
} numbered;

static settings *settings_of(const char *share, const char *seed)
{
    const char *const overrides[] = {share, seed};
    settings *s;
    must(settings_load(&s, NULL, overrides, 2));
    return s;
}

static numbered numbered_mixer(fixture *f, int count_a, int count_b, const char *share,
                               const char *seed)
{
    numbered n = {.settings = settings_of(share, seed)};
    n.sets[0] = numbered_set(count_a);
    n.sets[1] = numbered_set(count_b);
    must(mixer_open_sets(&n.mixer, f->device, n.settings, n.sets));
    return n;
}

static void release(numbered *n)
{
    mixer_close(n->mixer);
    image_set_release(&n->sets[0]);
    image_set_release(&n->sets[1]);
    settings_free(n->settings);
}

/* The mixer has put the sets into its order, the held-out images last. */
static int number_at(const struct image_set *set, int place)
{
    return set->pixels[4 * place] + 256 * set->pixels[4 * place + 1];
}

/* All images that are drawn are those that the host draws, from that part of each set. */
static void draws_from(fixture *f, const numbered *n, enum split split, const int first[2],
                       const int count[2])
{
    static batch pairs;
    unsigned long drawn = getenv("UNBLEND_TEST_SHAPES") ? BATCH : DRAWN; /* Oclgrind is slow */
    for (int i = 0; i < 2; i++)
        assert_int_equal(mixer_count(n->mixer, split, i), count[i]);
    for (unsigned long done = 0; done < drawn; done += BATCH) {
        must(mixer_batch(n->mixer, split, 4, STREAM_TRAIN, done, BATCH, f->mixture, f->a, f->b));
        read_batch(f, &pairs);
        for (unsigned long k = 0; k < BATCH; k++) {
            int images[2];
            mixer_pair(count, 4, STREAM_TRAIN, done + k, images);
            assert_int_equal(number_of(pairs.a + k * IMAGE),
                             number_at(&n->sets[0], first[0] + images[0]));
            assert_int_equal(number_of(pairs.b + k * IMAGE),
                             number_at(&n->sets[1], first[1] + images[1]));
        }
    }
}

static void sets_of_two_sizes(fixture *f, int count_a, int count_b)
{
    numbered n = numbered_mixer(f, count_a, count_b, "data.validation=0.2", "train.seed=1");
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
    int common = 0, held_out = mixer_count(a->mixer, SPLIT_VALIDATION, source);
    int first = (int)a->sets[source].count - held_out;
    for (int i = 0; i < held_out; i++)
        for (int k = 0; k < held_out; k++)
            common +=
                number_at(&a->sets[source], first + i) == number_at(&b->sets[source], first + k);
    return common;
}

static void what_is_held_out_follows_the_seed(void **state)
{
    fixture *f = *state;
    numbered one = numbered_mixer(f, 100, 100, "data.validation=0.2", "train.seed=1");
    numbered again = numbered_mixer(f, 100, 100, "data.validation=0.2", "train.seed=1");
    numbered two = numbered_mixer(f, 100, 100, "data.validation=0.2", "train.seed=2");
    for (int source = 0; source < 2; source++) {
        assert_int_equal(common_held_out(&one, &again, source), 20);
        assert_in_range(common_held_out(&one, &two, source), 0, 15);
    }
    assert_memory_not_equal(one.sets[0].pixels, one.sets[1].pixels, 400); /* nor the other's */
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
        numbered n = numbered_mixer(f, count, count, cases[i].share, "train.seed=1");
        for (int source = 0; source < 2; source++) {
            assert_int_equal(mixer_count(n.mixer, SPLIT_VALIDATION, source), cases[i].held_out);
            assert_int_equal(mixer_count(n.mixer, SPLIT_TRAIN, source), count - cases[i].held_out);
        }
        release(&n);
    }
}

static void one_image_cannot_be_split(void **state)
{
    fixture *f = *state;
    settings *s = settings_of("data.validation=0.2", "train.seed=1");
    struct image_set sets[2] = {numbered_set(5), numbered_set(1)};
    mixer *m;
    assert_int_equal(mixer_open_sets(&m, f->device, s, sets), -1);
    assert_error(STATUS_DATA, "source B has 1 image", "data.validation");
    image_set_release(&sets[0]);
    image_set_release(&sets[1]);
    settings_free(s);
}

/* An odd side could not be padded alike on both sides. */
static void sets_of_other_sides_are_refused(void **state)
{
    static const int sides[][2] = {{27, 27}, {28, 26}, {34, 34}};
    unsigned char pixels[34 * 34] = {0};
    const char *overrides[1];
    char directory[600];
    assert_int_equal(scratch_make(state), 0);
    assert_int_equal(directory_make(scratch_path("odd/mnist")), 0);
    snprintf(directory, sizeof directory, "data.directory=%s", scratch_path("odd"));
    overrides[0] = directory;
    settings *s;
    must(settings_load(&s, NULL, overrides, 1));
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        struct image_set odd = {1, sides[i][0], sides[i][1], pixels}, read;
        must(idx_write_images(scratch_path("odd/mnist/train-images-idx3-ubyte"), &odd));
        assert_int_equal(source_read(s, 0, false, &read), -1);
        assert_error(STATUS_DATA, "odd/mnist/train-images", "they must be square, even");
    }
    settings_free(s);
    scratch_remove(state);
}

static void sets_in_memory_give_the_same_pairs(void **state)
{
    fixture *f = *state;
    static batch read, given;
    struct image_set sets[2];
    mixer *m;
    must(source_read(f->settings, 0, false, &sets[0]));
    must(source_read(f->settings, 1, false, &sets[1]));
    must(mixer_open_sets(&m, f->device, f->settings, sets));
    assert_int_equal(sets[0].count, TRAINING + HELD_OUT); /* still the caller's */
    image_set_release(&sets[0]);
    image_set_release(&sets[1]);
    assert_int_equal(mixer_count(m, SPLIT_VALIDATION, 1), HELD_OUT);
    must(mixer_batch(f->training, SPLIT_TRAIN, 2, STREAM_TRAIN, 3, BATCH, f->mixture, f->a, f->b));
    read_batch(f, &read);
    must(mixer_batch(m, SPLIT_TRAIN, 2, STREAM_TRAIN, 3, BATCH, f->mixture, f->a, f->b));
    read_batch(f, &given);
    assert_memory_equal(&read, &given, sizeof read);
    mixer_close(m);
}

static void a_split_of_the_other_kind_is_refused(void **state)
{
    fixture *f = *state;
    assert_int_equal(
        mixer_batch(f->test, SPLIT_TRAIN, 1, STREAM_TRAIN, 0, BATCH, f->mixture, f->a, f->b), -1);
    assert_error(STATUS_DATA, "source A", "no images");
}

static void a_missing_set_is_named(void **state)
{
    (void)state;
    static const char *const overrides[] = {"data.directory=tests/sample",
                                            "data.sources=mnist,none"};
    settings *s;
    struct image_set set;
    must(settings_load(&s, NULL, overrides, 2));
    assert_int_equal(source_read(s, 1, true, &set), -1);
    assert_error(STATUS_DATA,
                 "tests/sample/none: no such folder, which should hold t10k-images-idx3-ubyte",
                 "make data");
    settings_free(s);
}

/* ---- The error of each image ---- */

static void image_errors_are_sums_of_squares(void **state)
{
    fixture *f = *state;
    static batch pairs;
    float errors[BATCH];
    cl_mem sums;
    kernel *k = kernel_get(f->device, "image_error", "", "image_error");
    if (!k)
        fail_msg("%s", error_message());
    must(buffer_new(f->device, sizeof errors, "errors", &sums));
    test_pairs(f, 1, STREAM_CHECK, 0, &pairs);
    must(LAUNCH(f->device, k, range_flat(BATCH), ARG(f->a), ARG(f->b), ARG(sums), ARG((int)IMAGE),
                ARG((int)BATCH)));
    must(buffer_read(f->device, sums, 0, errors, sizeof errors));
    for (int n = 0; n < BATCH; n++) {
        double wanted = 0;
        for (int i = n * IMAGE; i < (n + 1) * IMAGE; i++)
            wanted += ((double)pairs.a[i] - pairs.b[i]) * ((double)pairs.a[i] - pairs.b[i]);
        assert_float_equal(errors[n], wanted, 1e-5 * wanted);
    }
    buffer_free(f->device, &sums);
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
        cmocka_unit_test(sets_of_other_sides_are_refused),
        cmocka_unit_test(sets_in_memory_give_the_same_pairs),
        cmocka_unit_test(a_split_of_the_other_kind_is_refused),
        cmocka_unit_test(a_missing_set_is_named),
        cmocka_unit_test(image_errors_are_sums_of_squares),
    };
    return cmocka_run_group_tests_name("mixer", tests, set_up, tear_down);
}
