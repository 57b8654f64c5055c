/* Residuals: against the definition of each blend, in double precision. */
#include "scratch.h"

#include "base/rng.h"
#include "evaluate/residual.h"
#include "image/scores.h"

#include <math.h>

enum { WIDTH = 23, HEIGHT = 17 };

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g should be %.12g, within %g", value, expected, tolerance);
}

/* ---- Pictures ---- */

static size_t values_of(const struct image *p)
{
    return (size_t)p->width * (size_t)p->height * (size_t)p->channels;
}

static double value_at(const struct image *p, size_t i)
{
    return pixel_value(p->pixels, image_pixel_type(p), i);
}

static struct image new_picture(int channels, int depth)
{
    struct image p;
    assert_int_equal(image_new_deep(&p, WIDTH, HEIGHT, channels, depth), 0);
    return p;
}

static struct image noise(int channels, int depth, unsigned seed)
{
    struct image p = new_picture(channels, depth);
    rng random = rng_start(seed, 1);
    for (size_t i = 0; i < values_of(&p); i++)
        pixel_put(p.pixels, image_pixel_type(&p), i, (float)rng_below(&random, 4096) / 4095);
    return p;
}

static struct image constant(int channels, int depth, float value)
{
    struct image p = new_picture(channels, depth);
    for (size_t i = 0; i < values_of(&p); i++)
        pixel_put(p.pixels, image_pixel_type(&p), i, value);
    return p;
}

/* ---- Blends as they are defined ---- */

static double blend_at(const residual_rule *r, const double weights[], const struct image sources[],
                       size_t i)
{
    double gamma = r->blend.gamma, sum = 0, product = 1;
    for (int k = 0; k < r->sources; k++) {
        double light = pow(value_at(&sources[k], i), gamma);
        sum += weights[k] * light;
        product *= r->blend.kind == BLEND_SCREEN ? 1 - light : light;
    }
    double light = r->blend.kind == BLEND_SUM      ? sum
                   : r->blend.kind == BLEND_SCREEN ? 1 - product
                                                   : product;
    return pow(light, 1 / gamma);
}

static double expected_mse(const residual_rule *r, const double weights[],
                           const struct image *input, const struct image sources[])
{
    double sum = 0;
    for (size_t i = 0; i < values_of(input); i++) {
        double residual = value_at(input, i) - blend_at(r, weights, sources, i);
        sum += residual * residual;
    }
    return sum / (double)values_of(input);
}

static struct image blend_of(const residual_rule *r, const double weights[],
                             const struct image sources[], int depth)
{
    struct image input = new_picture(sources[0].channels, depth);
    for (size_t i = 0; i < values_of(&input); i++)
        pixel_put(input.pixels, image_pixel_type(&input), i,
                  (float)blend_at(r, weights, sources, i));
    return input;
}

/* How [mix] says it. */
static residual_rule rule_of(enum mix_kind kind, double gamma, int sources, const float *weights)
{
    const struct mix_config mix = {
        .kind = kind, .gamma = gamma, .weight = {.low = 0.3, .high = 0.7}};
    mixture m = {.sources = sources};
    for (int k = 0; k < sources && weights; k++)
        m.weights[k] = weights[k];
    return residual_rule_of(&mix, &m);
}

static void release(struct image pictures[], int count)
{
    for (int k = 0; k < count; k++)
        image_release(&pictures[k]);
}

/* ---- Blends without anything drawn ---- */

static void residuals_are_those_of_the_blend(void **state)
{
    (void)state;
    static const float uneven[] = {0.5f, 0.2f, 0.3f};
    const struct {
        enum mix_kind kind;
        double gamma;
        int sources;
        const float *given;
        double weights[3];
    } cases[] = {
        {MIX_AVERAGE, 1, 2, NULL, {0.5, 0.5}},
        {MIX_AVERAGE, 1, 3, NULL, {1 / 3.0, 1 / 3.0, 1 / 3.0}},
        {MIX_AVERAGE, 1, 3, uneven, {0.5, 0.2, 0.3}},
        {MIX_AVERAGE, 2.2, 2, NULL, {0.5, 0.5}},
        {MIX_SCREEN, 1, 2, NULL, {0}},
        {MIX_SCREEN, 2.2, 3, NULL, {0}},
        {MIX_MULTIPLY, 1, 3, NULL, {0}},
        {MIX_MULTIPLY, 2.2, 2, NULL, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int channels = 1; channels <= 3; channels += 2)
            for (int depth = 8; depth <= 16; depth += 8) {
                residual_rule r =
                    rule_of(cases[i].kind, cases[i].gamma, cases[i].sources, cases[i].given);
                struct image s[3], input = noise(channels, 24 - depth, 9);
                for (unsigned k = 0; k < 3; k++)
                    s[k] = noise(channels, depth, k);
                assert_near(residual_measure(&r, &input, s, NULL),
                            expected_mse(&r, cases[i].weights, &input, s), 1e-7);
                release(&input, 1);
                input = blend_of(&r, cases[i].weights, s, 16);
                assert_near(residual_measure(&r, &input, s, NULL), 0, 1e-10);
                release(&input, 1);
                release(s, 3);
            }
}

static void the_picture_is_gray_where_all_is_explained(void **state)
{
    (void)state;
    static const double halves[] = {0.5, 0.5};
    for (int depth = 8; depth <= 16; depth += 8) {
        residual_rule r = rule_of(MIX_AVERAGE, 1, 2, NULL);
        /* even values, whose mean can be written exactly */
        struct image s[] = {constant(3, depth, 0.2f), constant(3, depth, 0.6f)};
        struct image input = blend_of(&r, halves, s, depth), picture = new_picture(3, depth);
        pixel_put(input.pixels, image_pixel_type(&input), 0, 1);
        pixel_put(input.pixels, image_pixel_type(&input), 4, 0);
        assert_near(residual_measure(&r, &input, s, &picture), (0.36 + 0.16) / (WIDTH * HEIGHT * 3),
                    1e-7);
        double most = depth == 8 ? 255 : 65535, gray = depth == 8 ? 128 : 32768;
        for (size_t i = 0; i < values_of(&input); i++) {
            double found = round(value_at(&picture, i) * most);
            assert_true(found == (i == 0   ? floor(0.8 * most + 0.5)
                                  : i == 4 ? floor(0.3 * most + 0.5)
                                           : gray));
        }
        release(s, 2);
        release(&input, 1);
        release(&picture, 1);
    }
}

/* ---- Weights that are drawn ---- */

/* Those that the blend was made with are found, whatever they were in their range. */
static void drawn_weights_are_found(void **state)
{
    (void)state;
    static const double two[][3] = {{0.3, 0.7}, {0.41, 0.59}, {0.7, 0.3}},
                        three[][3] = {{0.5, 0.2, 0.3}, {0.1, 0.6, 0.3}, {0, 0.5, 0.5}, {0, 0, 1}};
    for (int g = 0; g < 2; g++)
        for (size_t i = 0; i < 7; i++) {
            const double *weights = i < 3 ? two[i] : three[i - 3];
            residual_rule r = rule_of(MIX_WEIGHTS, g ? 2.2 : 1, i < 3 ? 2 : 3, NULL);
            struct image s[] = {noise(3, 16, 1), noise(3, 16, 2), noise(3, 16, 3)};
            struct image input = blend_of(&r, weights, s, 16);
            assert_true(r.blend.draws_weights);
            assert_near(residual_measure(&r, &input, s, NULL), 0, 1e-9);
            release(&input, 1);
            release(s, 3);
        }
}

/* Blends that training never made are explained by the nearest that it made. */
static void weights_stay_in_their_range(void **state)
{
    (void)state;
    static const double made[][2] = {{0.9, 0.1}, {0.1, 0.9}},
                        nearest[][2] = {{0.7, 0.3}, {0.3, 0.7}};
    for (int i = 0; i < 2; i++) {
        residual_rule r = rule_of(MIX_WEIGHTS, 1, 2, NULL);
        struct image s[] = {noise(1, 16, 1), noise(1, 16, 2)};
        struct image input = blend_of(&r, made[i], s, 16);
        double expected = expected_mse(&r, nearest[i], &input, s);
        assert_true(expected > 1e-3);
        assert_near(residual_measure(&r, &input, s, NULL), expected, 1e-6);
        release(&input, 1);
        release(s, 2);
    }
}

/* Where sources do not tell the weights, all weights explain the same. */
static void equal_sources_are_no_danger(void **state)
{
    (void)state;
    for (int sources = 2; sources <= 4; sources++) {
        residual_rule r = rule_of(MIX_WEIGHTS, 1, sources, NULL);
        struct image s[4], half = constant(1, 8, 0.6f), other = constant(1, 8, 0.2f);
        for (int k = 0; k < 4; k++)
            s[k] = constant(1, 8, 0.6f);
        assert_near(residual_measure(&r, &half, s, NULL), 0, 1e-12);
        assert_near(residual_measure(&r, &other, s, NULL), 0.16, 1e-6);
        release(s, 4);
        for (int k = 0; k < 4; k++)
            s[k] = noise(1, 16, 5);
        assert_near(residual_measure(&r, &s[0], s, NULL), 0, 1e-12);
        release(s, 4);
        release(&half, 1);
        release(&other, 1);
    }
}

/* Two of three are equal, and the input is a blend of them: which of the two has which weight does not matter. */
static void two_equal_sources_of_three_share_a_weight(void **state)
{
    (void)state;
    static const double weights[3][3] = {{0.4, 0.2, 0.4}, {0, 0.1, 0.9}, {0.5, 0.4, 0.1}};
    for (int odd = 0; odd < 3; odd++)
        for (int i = 0; i < 3; i++) {
            residual_rule r = rule_of(MIX_WEIGHTS, 1, 3, NULL);
            struct image s[3];
            for (int k = 0; k < 3; k++)
                s[k] = k == odd ? noise(1, 16, 2) : constant(1, 16, 0);
            struct image input = blend_of(&r, weights[i], s, 16);
            assert_near(residual_measure(&r, &input, s, NULL), 0, 1e-9);
            release(&input, 1);
            release(s, 3);
        }
}

/* Of all weights from 0 to 1 there are no better ones: compared with a grid of them. */
static void no_weights_explain_more(void **state)
{
    (void)state;
    static const double made[][3] = {{1.3, -0.2, -0.1}, {-0.3, 0.6, 0.7}, {0.2, -0.4, 1.2}};
    for (int i = 0; i < 3; i++) {
        residual_rule r = rule_of(MIX_WEIGHTS, 1, 3, NULL);
        struct image s[] = {noise(1, 16, 1), noise(1, 16, 2), noise(1, 16, 3)};
        for (size_t v = 0; v < values_of(&s[1]); v++) /* the first two are much alike */
            pixel_put(s[1].pixels, PIXELS_SHORTS, v,
                      (float)(0.9 * value_at(&s[0], v) + 0.1 * value_at(&s[1], v)));
        struct image input = blend_of(&r, made[i], s, 16);
        double found = residual_measure(&r, &input, s, NULL), least = 1;
        for (int a = 0; a <= 50; a++)
            for (int b = 0; a + b <= 50; b++) {
                const double weights[] = {a / 50.0, b / 50.0, (50 - a - b) / 50.0};
                least = fmin(least, expected_mse(&r, weights, &input, s));
            }
        assert_true(found < least + 1e-7);
        assert_true(found > least - 1e-3);
        release(&input, 1);
        release(s, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(residuals_are_those_of_the_blend),
        cmocka_unit_test(the_picture_is_gray_where_all_is_explained),
        cmocka_unit_test(drawn_weights_are_found),
        cmocka_unit_test(weights_stay_in_their_range),
        cmocka_unit_test(equal_sources_are_no_danger),
        cmocka_unit_test(two_equal_sources_of_three_share_a_weight),
        cmocka_unit_test(no_weights_explain_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
