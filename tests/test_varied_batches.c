/* Training pictures that are moved and mirrored at random (data.shift, data.flip), beside the same ones as
 * they are. */
#include "sample_batches.h"

enum { SHIFT = 4, VARIED = 40 };

/* Where the picture lies in `moved`, down and right of the middle, if it is `plain` there; mirrored: plain
 * from right to left. */
static bool lies_at(const float *moved, const float *plain, int down, int right, bool mirrored)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int row = y - down, column = mirrored ? SIDE - 1 - (x - right) : x - right;
            bool inside = row >= 0 && row < SIDE && column >= 0 && column < SIDE;
            if (moved[y * SIDE + x] != (inside ? plain[row * SIDE + column] : 0))
                return false;
        }
    return true;
}

/* Counts how often each place is met; fails if a picture is at none of them. */
static void find_places(const float *moved, const float *plain, bool may_be_mirrored,
                        int met[2 * SHIFT + 1][2 * SHIFT + 1], int *mirrored)
{
    for (int down = -SHIFT; down <= SHIFT; down++)
        for (int right = -SHIFT; right <= SHIFT; right++)
            for (int flip = 0; flip <= may_be_mirrored; flip++)
                if (lies_at(moved, plain, down, right, flip)) {
                    met[down + SHIFT][right + SHIFT]++;
                    *mirrored += flip;
                    return;
                }
    fail_msg("a picture is neither moved nor mirrored, but another");
}

static void training_pictures_are_moved_and_mirrored(void **state)
{
    fixture *f = *state;
    static batch plain, varied;
    const char *const overrides[] = {"data.directory=tests/sample", "data.shift=4",
                                     "data.flip=false, true"};
    int met[SOURCES][2 * SHIFT + 1][2 * SHIFT + 1] = {0}, mirrored[SOURCES] = {0};
    settings *s;
    batches *b;
    must(settings_load(&s, NULL, overrides, 3));
    must(batches_open(&b, f->device, &s->data, 1, false));
    for (int i = 0; i < VARIED; i++) {
        uint64_t position = (uint64_t)(i * BATCH);
        draw(f, f->training, SPLIT_TRAIN, 1, STREAM_TRAIN, position, &plain);
        draw(f, b, SPLIT_TRAIN, 1, STREAM_TRAIN, position, &varied);
        for (int n = 0; n < BATCH; n++) {
            find_places(varied.a + n * IMAGE, plain.a + n * IMAGE, false, met[0], &mirrored[0]);
            find_places(varied.b + n * IMAGE, plain.b + n * IMAGE, true, met[1], &mirrored[1]);
        }
        for (int k = 0; k < PIXELS; k++)
            assert_true(varied.mixture[k] == (varied.a[k] + varied.b[k]) / 2);
    }
    int rows = 0, columns = 0;
    for (int i = 0; i <= 2 * SHIFT; i++) {
        int row = 0, column = 0;
        for (int k = 0; k <= 2 * SHIFT; k++) {
            row += met[0][i][k];
            column += met[0][k][i];
        }
        rows += row > 0;
        columns += column > 0;
    }
    assert_int_equal(rows, 2 * SHIFT + 1);
    assert_int_equal(columns, 2 * SHIFT + 1);
    assert_true(mirrored[1] > VARIED * BATCH / 3 && mirrored[1] < VARIED * BATCH * 2 / 3);
    draw(f, f->training, SPLIT_VALIDATION, 1, STREAM_VALIDATION, 0, &plain);
    draw(f, b, SPLIT_VALIDATION, 1, STREAM_VALIDATION, 0, &varied);
    assert_memory_equal(&plain, &varied, sizeof plain);
    batches_close(b);
    settings_free(s);
}

static batches *open_mix(fixture *f, settings **s, const char *weights, const char *clean)
{
    batches *b;
    const char *const overrides[] = {"data.directory=tests/sample", weights, clean};
    must(settings_load(s, NULL, overrides, 3));
    must(batches_open(&b, f->device, &(*s)->data, 1, false));
    return b;
}

static void sources_have_weights(void **state)
{
    fixture *f = *state;
    static batch plain, weighted;
    settings *s;
    batches *b = open_mix(f, &s, "mix.weights=0.75, 0.25", "mix.clean=0");
    draw(f, f->training, SPLIT_TRAIN, 1, STREAM_TRAIN, 0, &plain);
    draw(f, b, SPLIT_TRAIN, 1, STREAM_TRAIN, 0, &weighted);
    assert_memory_equal(plain.a, weighted.a, sizeof plain.a);
    assert_memory_equal(plain.b, weighted.b, sizeof plain.b);
    for (int k = 0; k < PIXELS; k++)
        assert_float_equal(weighted.mixture[k], 0.75 * plain.a[k] + 0.25 * plain.b[k], 1e-6);
    batches_close(b);
    settings_free(s);
}

static bool is_black(const float *image)
{
    for (int i = 0; i < IMAGE; i++)
        if (image[i] != 0)
            return false;
    return true;
}

/* Of training blends, by weight; of held-out ones, none. */
static void some_blends_are_one_source(void **state)
{
    fixture *f = *state;
    static batch drawn;
    int alone[SOURCES] = {0};
    settings *s;
    batches *b = open_mix(f, &s, "mix.weights=0.8, 0.2", "mix.clean=0.5");
    for (int i = 0; i < VARIED; i++) {
        draw(f, b, SPLIT_TRAIN, 1, STREAM_TRAIN, (uint64_t)(i * BATCH), &drawn);
        for (int n = 0; n < BATCH; n++) {
            const float *a = drawn.a + n * IMAGE, *other = drawn.b + n * IMAGE,
                        *blend = drawn.mixture + n * IMAGE;
            bool no_a = is_black(a), no_b = is_black(other);
            assert_false(no_a && no_b);
            alone[0] += no_b;
            alone[1] += no_a;
            if (no_a || no_b)
                assert_memory_equal(blend, no_a ? other : a, IMAGE * sizeof *blend);
        }
        draw(f, b, SPLIT_VALIDATION, 1, STREAM_VALIDATION, (uint64_t)(i * BATCH), &drawn);
        for (int n = 0; n < BATCH; n++)
            assert_false(is_black(drawn.a + n * IMAGE) || is_black(drawn.b + n * IMAGE));
    }
    int all = VARIED * BATCH;
    assert_true(alone[0] > all * 3 / 10 && alone[0] < all / 2);         /* 0.4 */
    assert_true(alone[1] > all * 3 / 100 && alone[1] < all * 18 / 100); /* 0.1 */
    batches_close(b);
    settings_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_pictures_are_moved_and_mirrored),
        cmocka_unit_test(sources_have_weights),
        cmocka_unit_test(some_blends_are_one_source),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
