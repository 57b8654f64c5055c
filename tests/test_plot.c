/* Charts: well-formed XML, values where they belong, gaps, awkward names, and from a run's history
 * what a person looks for in it. */
#include "scratch.h"

#include "base/files.h"
#include "image/svg_plot.h"
#include "plot/pictures.h"
#include "train/history.h"
#include <ctype.h>
#include <math.h>

/* ---- Reading charts ---- */

static char *read_chart(const char *path)
{
    unsigned char *text;
    size_t length;
    assert_int_equal(file_read(path, 1 << 22, STATUS_DATA, &text, &length), 0);
    assert_int_equal(strlen((char *)text), length);
    return (char *)text;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text++)
        count++;
    return count;
}

static void assert_holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("the chart should hold %s", part);
}

/* A name, then attributes with values in double quotes; returns what stands behind it. */
static const char *read_tag(const char *p, bool *closed)
{
    assert_true(isalpha((unsigned char)*p));
    p += strcspn(p, " />");
    while (*p == ' ') {
        p += strspn(p, " ");
        size_t name = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789");
        assert_true(name > 0 && p[name] == '=' && p[name + 1] == '"');
        p += name + 2;
        size_t value = strcspn(p, "\"<&");
        assert_int_equal(p[value], '"');
        p += value + 1;
    }
    *closed = *p == '/';
    p += *closed;
    assert_int_equal(*p, '>');
    return p + 1;
}

/* Only what charts are made of: elements, attributes, texts, numeric references; no comments. */
static void assert_well_formed(const char *p)
{
    enum { DEPTH = 8 };
    const char *open[DEPTH];
    int depth = 0;
    assert_int_equal(*p, '<');
    while (*p) {
        if (p[0] == '<' && p[1] == '/') {
            assert_true(depth > 0);
            size_t length = strcspn(open[--depth], " >");
            assert_memory_equal(p + 2, open[depth], length);
            assert_int_equal(p[2 + length], '>');
            p += length + 3;
        } else if (*p == '<') {
            bool closed;
            assert_true(depth < DEPTH);
            open[depth] = p + 1;
            p = read_tag(p + 1, &closed);
            depth += !closed;
        } else if (*p == '&') {
            assert_int_equal(p[1], '#');
            size_t digits = strspn(p + 2, "0123456789");
            assert_true(digits > 0 && p[2 + digits] == ';');
            p += digits + 3;
        } else {
            assert_true((unsigned char)*p >= ' ' || *p == '\n');
            assert_int_not_equal(*p, '>');
            assert_true(depth > 0 || *p == '\n');
            p++;
        }
    }
    assert_int_equal(depth, 0);
}

static char *draw(const svg_plot *plot)
{
    const char *path = scratch_path("chart.svg");
    assert_int_equal(svg_plot_write(path, plot), 0);
    char *text = read_chart(path);
    assert_well_formed(text);
    assert_null(strstr(text, "script"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    return text;
}

/* ---- Charts ---- */

static void values_lie_on_a_log_axis(void **state)
{
    (void)state;
    const double values[] = {0.1, 0.01, 0.001};
    const plot_series series = {"loss", "red", values, false};
    char *text = draw(&(svg_plot){.title = "t",
                                  .x_title = "x",
                                  .y_title = "y",
                                  .count = 3,
                                  .series = &series,
                                  .series_count = 1});
    double x[3], y[3];
    const char *line = strstr(text, "stroke=\"red\" stroke-width=\"2\"");
    assert_non_null(line);
    assert_int_equal(sscanf(strstr(line, " d=") + 4, "M%lf %lfL%lf %lfL%lf %lf\"", &x[0], &y[0],
                            &x[1], &y[1], &x[2], &y[2]),
                     6);
    assert_true(fabs((x[2] - x[1]) - (x[1] - x[0])) < 0.2 && x[1] > x[0]);
    assert_true(fabs((y[2] - y[1]) - (y[1] - y[0])) < 0.2 && y[1] > y[0]); /* downwards */
    assert_holds(text, ">0.01</text>");
    assert_holds(text, ">3</text>");
    assert_holds(text, "<title>loss, 2: 0.01</title>");
    free(text);
}

/* NaN, infinity, zero and negative values are gaps; a value between two gaps is a dot. */
static void gaps_stay_gaps(void **state)
{
    (void)state;
    enum { MANY = 200 };
    double values[MANY];
    const double bad[] = {NAN, INFINITY, -INFINITY, 0, -1};
    for (size_t i = 0; i < MANY; i++)
        values[i] = i % 4 ? 0.5 : bad[i / 4 % 5];
    values[5] = NAN; /* leaves 6 and 7; of 1, 2, 3 the middle goes too */
    values[2] = 0;
    const plot_series series = {"v", "red", values, false};
    char *text = draw(&(svg_plot){.title = "",
                                  .x_title = "",
                                  .y_title = "",
                                  .count = MANY,
                                  .series = &series,
                                  .series_count = 1});
    const char *line = strstr(text, "stroke=\"red\" stroke-width=\"1.5\"");
    assert_non_null(line);
    char *end = strstr(line, "/>");
    *end = '\0';
    assert_int_equal(count_of(line, "M"), MANY / 4 + 1);
    assert_int_equal(count_of(end + 1, "<circle"), 2); /* 1 and 3 */
    free(text);
}

static void nothing_to_draw(void **state)
{
    (void)state;
    const double nothing[] = {NAN, NAN};
    const plot_series series = {"v", "red", nothing, false};
    svg_plot plot = {
        .title = "", .x_title = "", .y_title = "", .series = &series, .series_count = 1};
    for (plot.count = 0; plot.count <= 2; plot.count++)
        free(draw(&plot));
}

/* Where the first circle with a radius stands, "cx=... cy=...". */
static void place_of(const char *text, const char *radius, int number, char place[64])
{
    const char *at = text;
    for (; number >= 0 && at; number--)
        at = strstr(at + 1, radius);
    assert_non_null(at);
    const char *start = at;
    while (strncmp(start, "cx=", 3))
        start--;
    snprintf(place, 64, "%.*s", (int)(at - start), start);
}

static void the_ring_is_around_the_best(void **state)
{
    (void)state;
    const double values[] = {0.3, 0.1, 0.2};
    const plot_series series = {"v", "red", values, false};
    char dot[64], ring[64];
    char *text = draw(&(svg_plot){.title = "",
                                  .x_title = "",
                                  .y_title = "",
                                  .count = 3,
                                  .series = &series,
                                  .series_count = 1,
                                  .best_x = 2,
                                  .best_text = "lowest"});
    place_of(text, "r=\"3\"", 1, dot);
    place_of(text, "r=\"7\"", 0, ring);
    assert_string_equal(dot, ring);
    free(text);
}

static void one_value(void **state)
{
    (void)state;
    const double value = 0.0123;
    const plot_series series = {"v", "red", &value, false};
    char *text = draw(&(svg_plot){.title = "",
                                  .x_title = "",
                                  .y_title = "",
                                  .count = 1,
                                  .series = &series,
                                  .series_count = 1,
                                  .best_x = 1,
                                  .best_text = "lowest"});
    assert_int_equal(count_of(text, "<circle"), 3); /* the dot, its ring, and the legend's */
    assert_holds(text, ">lowest</text>");
    assert_holds(text, ">0.012</text>");
    free(text);
}

/* A light curve is thin, and has no dots but where a value stands alone. */
static void light_curves(void **state)
{
    (void)state;
    const double values[] = {0.3, 0.1, 0.2, NAN, 0.4};
    const plot_series series[] = {{"all", "red", values, false}, {"part", "green", values, true}};
    char *text = draw(&(svg_plot){.title = "",
                                  .x_title = "",
                                  .y_title = "",
                                  .count = 5,
                                  .series = series,
                                  .series_count = 2});
    assert_int_equal(count_of(text, "stroke=\"red\" stroke-width=\"2\""), 1);
    assert_int_equal(count_of(text, "stroke=\"green\" stroke-width=\"1\" stroke-linejoin"), 1);
    assert_int_equal(count_of(text, "<title>all, "), 4);
    assert_int_equal(count_of(text, "<title>part, "), 1);
    assert_holds(text, "<title>part, 5: 0.4</title>");
    free(text);
}

/* Where the legend's entry begins: its text is `name` and nothing else. */
static void legend_place(const char *text, const char *name, int *x, int *y)
{
    char entry[128];
    snprintf(entry, sizeof entry, ">%s</text>", name);
    const char *at = strstr(text, entry);
    assert_non_null(at);
    while (strncmp(at, "<text", 5))
        at--;
    assert_int_equal(sscanf(at, "<text x=\"%d\" y=\"%d\"", x, y), 2);
}

/* A legend that is too long for one line goes on in the next, and the curves make room. */
static void a_long_legend(void **state)
{
    (void)state;
    enum { COUNT = 6 };
    static const char *const names[COUNT] = {"training",
                                             "validation",
                                             "the-first-source-has-a-long-name",
                                             "the-second-one-has-a-longer-name",
                                             "the-third-one-is-the-longest-one",
                                             "the-fourth-fills-another-line-up"};
    const double values[] = {0.001, 1};
    plot_series series[COUNT];
    for (int i = 0; i < COUNT; i++)
        series[i] = (plot_series){names[i], "red", values, i > 1};
    svg_plot plot = {.title = "",
                     .x_title = "",
                     .y_title = "",
                     .count = 2,
                     .series = series,
                     .series_count = 2,
                     .best_x = 1,
                     .best_text = "best: epoch 1, 0.001"};
    int x, y, last_y = 0, lines = 0;
    char *text = draw(&plot);
    legend_place(text, "training", &x, &y);
    assert_int_equal(y, 64);
    legend_place(text, plot.best_text, &x, &y);
    assert_int_equal(y, 64);
    assert_holds(text, "84V476\" stroke=\"#e4e4e4\"");
    free(text);
    plot.series_count = COUNT;
    text = draw(&plot);
    for (int i = 0; i <= COUNT; i++) {
        const char *name = i < COUNT ? names[i] : plot.best_text;
        legend_place(text, name, &x, &y);
        assert_true(x > 92 && x + 7 * (int)strlen(name) <= 932);
        lines += y > last_y;
        last_y = y;
    }
    assert_int_equal(lines, 2);
    assert_int_equal(last_y, 64 + 18);
    assert_holds(text, " 102V476\" stroke=\"#e4e4e4\"");
    assert_null(strstr(text, " 84V476"));
    free(text);
}

/* Every axis has some labels and not too many, however long or short it is. */
static void axes_have_labels(void **state)
{
    (void)state;
    static const double factors[] = {1, 1.0001, 1.1, 2, 9, 11, 100, 9e3, 2e4, 1e12, 1e60};
    static const size_t counts[] = {1, 2, 3, 9, 11, 49, 51, 100, 999, 12345};
    static double values[12345];
    const plot_series series = {"v", "red", values, false};
    svg_plot plot = {
        .title = "", .x_title = "", .y_title = "", .series = &series, .series_count = 1};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        plot.count = counts[i];
        for (size_t k = 0; k < sizeof factors / sizeof *factors; k++) {
            for (size_t n = 0; n < plot.count; n++)
                values[n] = n % 2 ? 0.003 * factors[k] : 0.003;
            char *text = draw(&plot);
            size_t x = count_of(text, "V476\" stroke=\"#e4e4e4\"");
            size_t y = count_of(text, "H932\" stroke=\"#e4e4e4\"");
            assert_in_range(x, 1, 12);
            assert_in_range(y, 2, 13);
            free(text);
        }
    }
}

static void numbers_are_short(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(plot_number(0.0005, text, sizeof text), "0.0005");
    assert_string_equal(plot_number(5e-5, text, sizeof text), "5e-5");
    assert_string_equal(plot_number(1.23456e-12, text, sizeof text), "1.235e-12");
    assert_string_equal(plot_number(1e7, text, sizeof text), "1e+7");
    assert_string_equal(plot_number(0.1 + 0.2, text, sizeof text), "0.3");
}

static void texts_are_escaped(void **state)
{
    (void)state;
    const double value = 1;
    const plot_series series = {"<a>", "red", &value, false};
    char *text = draw(&(svg_plot){.title = "</title> & \"q\" \x01\xff caf\xc3\xa9",
                                  .x_title = "x<y",
                                  .y_title = "y&z",
                                  .count = 1,
                                  .series = &series,
                                  .series_count = 1});
    assert_holds(text, "&#60;/title&#62; &#38; &#34;q&#34; ?\\xFF caf\xc3\xa9</text>");
    assert_holds(text, "y&#38;z");
    free(text);
}

/* ---- Runs ---- */

/* Writes a history of `count` epochs whose learning rate falls to a tenth at each multiple of
 * `every`, and returns its chart. */
static char *chart_of(size_t count, size_t every, bool validated)
{
    static const mixture two = {.sources = 2, .names = {"mnist", "fashion"}};
    history h = history_new(&two);
    double rate = 1e-2;
    for (size_t i = 1; i <= count; i++) {
        double loss = 0.01 / (double)i, val_loss = 0.01 * (1.5 + cos((double)i));
        if (i % every == 0)
            rate /= 10;
        const epoch_record record = {
            .epoch = (long)i,
            .total = 2 * loss,
            .val_total = validated ? 2 * val_loss : NAN,
            .loss = {1.5 * loss, 0.5 * loss},
            .val_loss = {validated ? 1.5 * val_loss : NAN, validated ? 0.5 * val_loss : NAN},
            .learning_rate = rate};
        assert_int_equal(history_add(&h, &record), 0);
    }
    assert_int_equal(history_write(&h, scratch), 0);
    assert_int_equal(picture_history(scratch), 0);
    history_release(&h);
    char *text = read_chart(scratch_path("history.svg"));
    assert_well_formed(text);
    return text;
}

/* How high a curve begins. */
static double first_y(const char *chart, const char *color)
{
    char start[64];
    double x, y = 0;
    snprintf(start, sizeof start, "<path fill=\"none\" stroke=\"%s\"", color);
    const char *at = strstr(chart, start);
    assert_non_null(at);
    assert_int_equal(sscanf(strstr(at, " d="), " d=\"M%lf %lf", &x, &y), 2);
    return y;
}

/* Of the sum of both, the first source has three quarters, the second one quarter. */
static void assert_shares(const char *chart, const char *sum)
{
    double whole = first_y(chart, sum);
    double first = first_y(chart, "#2e8b57") - whole, second = first_y(chart, "#8e5bb5") - whole;
    assert_true(first > 5);
    assert_true(fabs(second / first - log(4) / log(4.0 / 3)) < 0.1);
}

static size_t rules_in(const char *chart)
{
    return count_of(chart, "stroke-dasharray");
}

static void a_run_shows_best_epoch_and_rates(void **state)
{
    (void)state;
    char *text = chart_of(12, 5, true);
    assert_holds(text, ">best: epoch 3, 0.0102</text>"); /* cos(3) is nearest to -1 */
    assert_holds(text, ">learning rate 0.01</text>");
    assert_holds(text, ">0.001</text>");
    assert_holds(text, ">0.0001</text>");
    assert_int_equal(rules_in(text), 3);
    assert_holds(text, ">validation</text>");
    assert_holds(text, "<title>training, 4: 0.005</title>");
    assert_holds(text, ">mnist, validation</text>");
    assert_holds(text, ">fashion, validation</text>");
    assert_int_equal(count_of(text, "stroke-linejoin"), 4); /* curves */
    assert_shares(text, "#d9622b");
    assert_holds(text, "Training of unblend-test-");
    free(text);
}

static void a_run_without_validation(void **state)
{
    (void)state;
    char *text = chart_of(4, 100, false);
    assert_holds(text, ">best: epoch 4, 0.005</text>");
    assert_null(strstr(text, "validation"));
    assert_holds(text, ">mnist</text>");
    assert_int_equal(count_of(text, "stroke-linejoin"), 3);
    assert_shares(text, "#3b6fb6");
    assert_int_equal(rules_in(text), 1);
    free(text);
}

static void runs_of_any_length(void **state)
{
    (void)state;
    char *one = chart_of(1, 2, true), *thousand = chart_of(1000, 300, true);
    assert_holds(one, ">best: epoch 1,");
    assert_int_equal(rules_in(thousand), 4);
    assert_holds(thousand, ">1000</text>");
    assert_true(strlen(thousand) < 100000);
    free(one);
    free(thousand);
    free(chart_of(0, 1, true));
}

/* Of a rate that changes all the time, each halving is shown. */
static void a_rate_that_always_changes(void **state)
{
    (void)state;
    static const mixture two = {.sources = 2, .names = {"mnist", "fashion"}};
    history h = history_new(&two);
    for (int i = 0; i <= 40; i++) {
        const epoch_record record = {
            .epoch = i + 1, .total = 2, .learning_rate = 0.5 * exp2(-i / 8.0)};
        assert_int_equal(history_add(&h, &record), 0);
    }
    assert_int_equal(history_write(&h, scratch), 0);
    assert_int_equal(picture_history(scratch), 0);
    char *text = read_chart(scratch_path("history.svg"));
    assert_int_equal(rules_in(text), 6);
    assert_holds(text, ">0.25</text>");
    free(text);
    history_release(&h);
}

static void a_run_without_history(void **state)
{
    (void)state;
    assert_int_equal(picture_history(scratch_path("none")), -1);
    assert_error(STATUS_DATA, "none/history.json", "No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_lie_on_a_log_axis),
        cmocka_unit_test(gaps_stay_gaps),
        cmocka_unit_test(nothing_to_draw),
        cmocka_unit_test(the_ring_is_around_the_best),
        cmocka_unit_test(light_curves),
        cmocka_unit_test(a_long_legend),
        cmocka_unit_test(one_value),
        cmocka_unit_test(axes_have_labels),
        cmocka_unit_test(numbers_are_short),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(a_run_shows_best_epoch_and_rates),
        cmocka_unit_test(a_run_without_validation),
        cmocka_unit_test(runs_of_any_length),
        cmocka_unit_test(a_rate_that_always_changes),
        cmocka_unit_test(a_run_without_history),
    };
    return cmocka_run_group_tests_name("plot", tests, scratch_make, scratch_remove);
}
