/* How pictures of any size are cut into tiles, on paper: all properties for many sizes. */
#include "scratch.h"

#include "base/rng.h"
#include "separate/layout.h"

#include <math.h>
#include <string.h>

static layout make(const layout_rules *r, int height, int width)
{
    layout l;
    assert_int_equal(layout_make(&l, r, height, width), 0);
    return l;
}

/* ---- The mirror ---- */

/* As a walk: to the end and back. */
static int walk(int place, int side)
{
    int at = 0, step = 1;
    for (int i = 0; i < place; i++) {
        if (side == 1)
            return 0;
        if (at + step < 0 || at + step >= side)
            step = -step;
        at += step;
    }
    return at;
}

static void pictures_continue_as_their_mirror_image(void **state)
{
    (void)state;
    for (int side = 1; side <= 9; side++)
        for (int place = 0; place < 40; place++)
            assert_int_equal(layout_source(place, 0, side, false), walk(place, side));
    for (int place = -9; place < 0; place++) /* to the left likewise */
        assert_int_equal(layout_source(place, 0, 5, false), walk(-place, 5));
}

static void a_black_border_has_no_source(void **state)
{
    (void)state;
    for (int place = 0; place < 10; place++)
        assert_int_equal(layout_source(place, 3, 4, true), place < 3 || place > 6 ? -1 : place - 3);
}

/* ---- Frames ---- */

static const layout_rules near = {.format = {32, 48, 1},
                                  .inner_height = 28,
                                  .inner_width = 28,
                                  .reach = {.unit = 8, .before = 13, .after = 15},
                                  .tile_pixels = 64 * 72},
                          whole = {.format = {32, 48, 1},
                                   .inner_height = 32,
                                   .inner_width = 48,
                                   .reach = {.whole = true, .unit = 1},
                                   .tile_pixels = 1};

static void assert_frame(const layout *l, int height, int width, int top, int left, bool black)
{
    assert_int_equal(l->rows.side, height);
    assert_int_equal(l->columns.side, width);
    assert_int_equal(l->top, top);
    assert_int_equal(l->left, left);
    assert_int_equal(l->black, black);
}

static void frames_are_what_the_network_takes(void **state)
{
    (void)state;
    const struct {
        const layout_rules *rules;
        int height, width, frame[4];
        bool black;
    } cases[] = {
        {&near, 32, 48, {32, 48, 0, 0}, false}, /* its own size */
        {&near, 28, 28, {32, 48, 2, 10}, true}, /* that of its training pictures */
        {&near, 27, 28, {32, 32, 0, 0}, false}, /* with one side of those */
        {&near, 28, 27, {32, 32, 0, 0}, false},         {&near, 1, 1, {8, 8, 0, 0}, false},
        {&near, 28, 29, {32, 32, 0, 0}, false},         {&near, 3, 20000, {8, 20000, 0, 0}, false},
        {&near, 1365, 1364, {1368, 1368, 0, 0}, false}, {&whole, 1, 1, {32, 48, 0, 0}, false},
        {&whole, 33, 48, {33, 48, 0, 0}, false},        {&whole, 500, 7, {500, 48, 0, 0}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        layout l = make(cases[i].rules, cases[i].height, cases[i].width);
        const int *f = cases[i].frame;
        assert_frame(&l, f[0], f[1], f[2], f[3], cases[i].black);
        layout_release(&l);
    }
}

/* ---- Tiles ---- */

/* Each pixel counts in one tile, where it sees as far as in the whole frame. */
static void assert_exact(const cut *c, const reach *r)
{
    int next = 0;
    assert_null(c->weights);
    for (int t = 0; t < c->count; t++) {
        const slice *s = &c->slices[t];
        assert_int_equal(s->start % r->unit, 0);
        assert_true(s->start >= 0 && s->start + c->length <= c->side);
        assert_int_equal(s->start + s->first, next);
        assert_true(s->last >= s->first && s->last < c->length);
        /* the blocks of `unit` pixels at the ends of what counts */
        assert_true(!s->start || s->first >= r->before);
        assert_true(s->start + c->length == c->side || c->length - 1 - s->last >= r->after);
        assert_int_equal((s->start + s->first) % r->unit, 0);
        next = s->start + s->last + 1;
    }
    assert_int_equal(next, c->side);
}

static void tiles_see_what_the_whole_sees(void **state)
{
    (void)state;
    rng random = rng_start(3, 7);
    for (int i = 0; i < 3000; i++) {
        int unit = 1 << rng_below(&random, 6), height = 1 + (int)rng_below(&random, 900),
            width = 1 + (int)rng_below(&random, 900);
        layout_rules r = {
            .format = {64, 64, 3},
            .inner_height = 64,
            .inner_width = 64,
            .reach = {.unit = unit,
                      .before = (int)rng_below(&random, 100),
                      .after = (int)rng_below(&random, 100)},
        };
        size_t least = layout_least_pixels(&r.reach);
        r.tile_pixels = least + rng_below(&random, 200000);
        if (height == 64 && width == 64)
            continue;
        layout l = make(&r, height, width);
        size_t tile = (size_t)l.rows.length * (size_t)l.columns.length;
        assert_true(tile <= r.tile_pixels);
        assert_int_equal(l.rows.length % unit, 0);
        assert_int_equal(l.columns.length % unit, 0);
        assert_true(l.rows.side >= height && l.rows.side < height + unit);
        assert_true(l.columns.side >= width && l.columns.side < width + unit);
        if ((size_t)l.rows.side * (size_t)l.columns.side <= r.tile_pixels)
            assert_int_equal(l.rows.count * l.columns.count, 1);
        assert_exact(&l.rows, &r.reach);
        assert_exact(&l.columns, &r.reach);
        layout_release(&l);
    }
}

/* A few large tiles rather than many small ones. */
static void little_is_computed_twice(void **state)
{
    (void)state;
    const layout_rules r = {.format = {64, 64, 3},
                            .reach = {.unit = 8, .before = 24, .after = 24},
                            .tile_pixels = 1 << 20};
    layout l = make(&r, 3000, 4000);
    double computed = (double)l.rows.count * l.columns.count * l.rows.length * l.columns.length;
    assert_true(computed < 1.11 * 3000 * 4000);
    layout_release(&l);
}

static void faded_tiles_add_up_to_one(void **state)
{
    (void)state;
    static double sums[2000];
    for (int side = 1; side < 2000; side += side < 200 ? 1 : 37) {
        layout l = make(&whole, 32, side);
        const cut *c = &l.columns;
        assert_int_equal(c->length, 48);
        memset(sums, 0, sizeof sums);
        for (int t = 0; t < c->count; t++) {
            assert_true(c->slices[t].start >= 0 && c->slices[t].start + 48 <= c->side);
            for (int i = c->slices[t].first; i <= c->slices[t].last; i++) {
                assert_true(cut_weight(c, t, i) > 0);
                sums[c->slices[t].start + i] += cut_weight(c, t, i);
            }
            /* it rises from little, and falls to little, where another tile is beside it */
            if (t)
                assert_true(cut_weight(c, t, 0) < 0.2f);
            if (t < c->count - 1) {
                assert_true(cut_weight(c, t, 47) < 0.2f);
                assert_true(c->slices[t].start + 48 - c->slices[t + 1].start >= 12);
            }
        }
        for (int x = 0; x < c->side; x++)
            assert_true(fabs(sums[x] - 1) < 1e-6);
        layout_release(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_continue_as_their_mirror_image),
        cmocka_unit_test(a_black_border_has_no_source),
        cmocka_unit_test(frames_are_what_the_network_takes),
        cmocka_unit_test(tiles_see_what_the_whole_sees),
        cmocka_unit_test(little_is_computed_twice),
        cmocka_unit_test(faded_tiles_add_up_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
