#include "image/svg_plot.h"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In pixels, y downwards. */
enum {
    WIDTH = 960,
    HEIGHT = 540,
    LEFT = 92,
    RIGHT = WIDTH - 28,
    TOP = 84, /* with one line in the legend */
    BOTTOM = HEIGHT - 64,
    LETTER_WIDTH = 7, /* of an average one in the legend; browsers' fonts differ */
    LEGEND_LINE = 18, /* from one line of the legend to the next */
    RULE_GAP = 9,     /* from a rule to its text: a dot or ring on the rule fits in */
    RULE_SPACING = 15 /* texts of rules closer than this would overlap */
};

/* With more values than this, dots on a line would hide it. */
enum { DOTS_MOST = 60 };

/* The values at the edges of the axes; y as logarithms to base 10. */
typedef struct chart {
    const svg_plot *plot;
    FILE *out;
    int top; /* of the area of the curves */
    double x_low, x_high, y_low, y_high;
} chart;

static bool drawable(double value)
{
    return isfinite(value) && value > 0;
}

static double place_x(const chart *c, double x)
{
    return LEFT + (x - c->x_low) / (c->x_high - c->x_low) * (RIGHT - LEFT);
}

static double place_y(const chart *c, double value)
{
    return BOTTOM - (log10(value) - c->y_low) / (c->y_high - c->y_low) * (BOTTOM - c->top);
}

/* ---- Axes ---- */

/* A lone value is in the middle. */
static void scale_x(chart *c)
{
    size_t count = c->plot->count;
    double margin = count > 1 ? 0.03 * (double)(count - 1) : 1;
    c->x_low = 1 - margin;
    c->x_high = (count > 1 ? (double)count : 1) + margin;
}

/* Around all values with a margin, at least a factor of 1.5; 0.001 to 1 without values. */
static void scale_y(chart *c)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < c->plot->series_count; i++) {
        for (size_t k = 0; k < c->plot->count; k++) {
            double value = c->plot->series[i].values[k];
            if (!drawable(value))
                continue;
            low = fmin(low, log10(value));
            high = fmax(high, log10(value));
        }
    }
    if (low > high) {
        low = -3;
        high = 0;
    }
    double margin = fmax(0.05 * (high - low), (log10(1.5) - (high - low)) / 2);
    c->y_low = low - margin;
    c->y_high = high + margin;
}

/* The smallest of 1, 2, 5, 10, 20, 50 ... (and 0.5, 0.2 ...) that is at least `least`. */
static double round_step(double least)
{
    double power = pow(10, floor(log10(least)));
    return least <= power       ? power
           : least <= 2 * power ? 2 * power
           : least <= 5 * power ? 5 * power
                                : 10 * power;
}

const char *plot_number(double value, char *text, size_t size)
{
    snprintf(text, size, "%.4g", value);
    char *digits = strpbrk(text, "e");
    if (digits && digits[2] == '0')
        memmove(digits + 2, digits + 3, strlen(digits + 3) + 1);
    return text;
}

static void draw_x_tick(const chart *c, double x)
{
    double at = place_x(c, x);
    fprintf(c->out,
            "<path d=\"M%.1f %dV%d\" stroke=\"#e4e4e4\"/>"
            "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
            at, c->top, BOTTOM, at, BOTTOM + 20, x);
}

static void draw_y_tick(const chart *c, double value)
{
    char text[32];
    double at = place_y(c, value);
    fprintf(c->out,
            "<path d=\"M%d %.1fH%d\" stroke=\"#e4e4e4\"/>"
            "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
            LEFT, at, RIGHT, LEFT - 8, at + 4, plot_number(value, text, sizeof text));
}

static void draw_x_axis(const chart *c)
{
    double count = (double)c->plot->count, step = round_step(fmax(count / 10, 1));
    if (step > 2 || !c->plot->count) /* from step 5 on there is room for 1 before it */
        draw_x_tick(c, 1);
    for (double x = step; x <= count; x += step)
        draw_x_tick(c, x);
}

/* Powers of ten on a long axis, 1-2-5 in between on a shorter one, and where even those are few,
 * steps of equal size. */
static void draw_y_axis(const chart *c)
{
    double decades = c->y_high - c->y_low, low = pow(10, c->y_low), high = pow(10, c->y_high);
    if (decades < 1) {
        double step = round_step((high - low) / 7);
        for (double k = ceil(low / step); k * step <= high; k++)
            draw_y_tick(c, k * step);
        return;
    }
    int stride = (int)ceil(decades / 8);
    for (double power = floor(c->y_low); power <= c->y_high; power += stride) {
        static const double between[] = {1, 2, 5};
        for (size_t i = 0; i < (decades < 4 ? 3 : 1); i++) {
            double value = between[i] * pow(10, power);
            if (value >= low && value <= high)
                draw_y_tick(c, value);
        }
    }
}

/* ---- Texts ---- */

/* As XML holds it: markup escaped, and what XML or UTF-8 cannot hold made legible. */
static void write_text(FILE *out, const char *text)
{
    json_t *legible = text_as_json(text);
    const char *p = legible ? json_string_value(legible) : "";
    for (; *p; p++) {
        if (strchr("&<>\"", *p))
            fprintf(out, "&#%d;", *p);
        else
            fputc((unsigned char)*p < ' ' ? '?' : *p, out);
    }
    json_decref(legible);
}

static void draw_titles(const chart *c)
{
    fprintf(c->out, "<text x=\"%d\" y=\"34\" font-size=\"18\" fill=\"#222\">", LEFT);
    write_text(c->out, c->plot->title);
    fprintf(c->out, "</text>\n<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (LEFT + RIGHT) / 2,
            HEIGHT - 18);
    write_text(c->out, c->plot->x_title);
    fprintf(c->out,
            "</text>\n<text transform=\"translate(22 %d) rotate(-90)\" "
            "text-anchor=\"middle\">",
            (c->top + BOTTOM) / 2);
    write_text(c->out, c->plot->y_title);
    fputs("</text>\n", c->out);
}

/* ---- Legend ---- */

/* An entry is a mark, MARK or RING_MARK wide with the space behind it, and a text. */
enum { MARK = 28, RING_MARK = 18, ENTRY_GAP = 28 };

/* Where the next entry begins. */
typedef struct legend {
    int left, line;
} legend;

/* Returns the place of an entry, on the next line if it does not fit on this one, and moves on. */
static legend place_entry(legend *next, int mark, const char *text)
{
    int width = mark + LETTER_WIDTH * (int)strlen(text);
    if (next->left > LEFT && next->left + width > RIGHT)
        *next = (legend){LEFT, next->line + 1};
    legend place = *next;
    next->left += width + ENTRY_GAP;
    return place;
}

static int legend_lines(const svg_plot *p)
{
    legend next = {LEFT, 0};
    for (size_t i = 0; i < p->series_count; i++)
        place_entry(&next, MARK, p->series[i].name);
    if (p->best_x)
        place_entry(&next, RING_MARK, p->best_text);
    return next.line + 1;
}

static void draw_entry_text(const chart *c, legend place, int mark, const char *text)
{
    fprintf(c->out, "<text x=\"%d\" y=\"%d\">", place.left + mark, 64 + place.line * LEGEND_LINE);
    write_text(c->out, text);
    fputs("</text>\n", c->out);
}

static void draw_legend(const chart *c)
{
    const svg_plot *p = c->plot;
    legend next = {LEFT, 0};
    for (size_t i = 0; i < p->series_count; i++) {
        legend place = place_entry(&next, MARK, p->series[i].name);
        fprintf(c->out, "<path d=\"M%d %dh22\" stroke=\"%s\" stroke-width=\"%s\"/>", place.left,
                60 + place.line * LEGEND_LINE, p->series[i].color,
                p->series[i].light ? "1" : "2.5");
        draw_entry_text(c, place, MARK, p->series[i].name);
    }
    if (p->best_x) {
        legend place = place_entry(&next, RING_MARK, p->best_text);
        fprintf(c->out,
                "<circle cx=\"%d\" cy=\"%d\" r=\"6\" fill=\"none\" stroke=\"#222\" "
                "stroke-width=\"1.5\"/>",
                place.left + 6, 60 + place.line * LEGEND_LINE);
        draw_entry_text(c, place, RING_MARK, p->best_text);
    }
}

/* ---- Data ---- */

/* Whether x has a value in the upper half of the chart. */
static bool is_high(const chart *c, size_t x)
{
    for (size_t i = 0; i < c->plot->series_count; i++) {
        double value = c->plot->series[i].values[x - 1];
        if (drawable(value) && log10(value) > (c->y_low + c->y_high) / 2)
            return true;
    }
    return false;
}

/* The text runs upwards, left of the line, at the end of it where the curves are not. */
static void draw_rule_text(const chart *c, const plot_rule *rule, double at)
{
    bool high = is_high(c, rule->x);
    fprintf(c->out,
            "<text transform=\"translate(%.1f %d) rotate(-90)\" text-anchor=\"%s\" "
            "font-size=\"11\">",
            at - RULE_GAP, high ? BOTTOM - 8 : c->top + 8, high ? "start" : "end");
    write_text(c->out, rule->text);
    fputs("</text>\n", c->out);
}

static void draw_rules(const chart *c)
{
    double last = -RULE_SPACING;
    for (size_t i = 0; i < c->plot->rule_count; i++) {
        const plot_rule *rule = &c->plot->rules[i];
        double at = place_x(c, (double)rule->x);
        fprintf(c->out, "<path d=\"M%.1f %dV%d\" stroke=\"#999\" stroke-dasharray=\"2 3\"/>\n", at,
                c->top, BOTTOM);
        if (at - last < RULE_SPACING)
            continue;
        draw_rule_text(c, rule, at);
        last = at;
    }
}

/* Gaps stay gaps. */
static void draw_line(const chart *c, const plot_series *s)
{
    const char *next = "M";
    fprintf(c->out,
            "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linejoin=\"round\" d=\"",
            s->color,
            s->light                     ? "1"
            : c->plot->count > DOTS_MOST ? "1.5"
                                         : "2");
    for (size_t i = 0; i < c->plot->count; i++) {
        if (!drawable(s->values[i])) {
            next = "M";
            continue;
        }
        fprintf(c->out, "%s%.1f %.1f", next, place_x(c, (double)i + 1), place_y(c, s->values[i]));
        next = "L";
    }
    fputs("\"/>\n", c->out);
}

/* Browsers show the title of a dot when the pointer is on it. A value alone is only its dot. */
static void draw_dots(const chart *c, const plot_series *s)
{
    size_t count = c->plot->count;
    for (size_t i = 0; i < count; i++) {
        bool alone = (i == 0 || !drawable(s->values[i - 1])) &&
                     (i + 1 == count || !drawable(s->values[i + 1]));
        if (!drawable(s->values[i]) || ((s->light || count > DOTS_MOST) && !alone))
            continue;
        fprintf(c->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>",
                place_x(c, (double)i + 1), place_y(c, s->values[i]), s->color);
        write_text(c->out, s->name);
        fprintf(c->out, ", %zu: %.9g</title></circle>\n", i + 1, s->values[i]);
    }
}

static void draw_best(const chart *c)
{
    if (!c->plot->best_x)
        return;
    double value = c->plot->series[c->plot->best_series].values[c->plot->best_x - 1];
    if (drawable(value))
        fprintf(c->out,
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"7\" fill=\"none\" stroke=\"#222\" "
                "stroke-width=\"1.5\"/>\n",
                place_x(c, (double)c->plot->best_x), place_y(c, value));
}

static void draw(chart *c)
{
    c->top = TOP + (legend_lines(c->plot) - 1) * LEGEND_LINE;
    scale_x(c);
    scale_y(c);
    fprintf(c->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#555\">\n<title>",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    write_text(c->out, c->plot->title);
    fprintf(c->out, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", WIDTH, HEIGHT);
    draw_titles(c);
    draw_legend(c);
    draw_x_axis(c);
    draw_y_axis(c);
    draw_rules(c);
    fprintf(c->out, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#777\"/>\n", LEFT, c->top,
            BOTTOM, RIGHT);
    for (size_t i = 0; i < c->plot->series_count; i++)
        draw_line(c, &c->plot->series[i]);
    for (size_t i = 0; i < c->plot->series_count; i++)
        draw_dots(c, &c->plot->series[i]);
    draw_best(c);
    fputs("</svg>\n", c->out);
}

int svg_plot_write(const char *path, const svg_plot *plot)
{
    char *text = NULL;
    size_t length = 0;
    chart c = {.plot = plot, .out = open_memstream(&text, &length)};
    if (c.out)
        draw(&c);
    int result = !c.out || fclose(c.out) ? fail(STATUS_MEMORY, "out of memory: %s", path)
                                         : file_write_atomic(path, text, length);
    free(text);
    return result;
}
