/*
 * Line charts as SVG: positive values at 1, 2, 3 ..., epochs for example, on a logarithmic axis.
 * Texts in it are text, there is no script, and any browser shows it.
 *
 *     plot_series lines[] = {{"training", "#3b6fb6", losses}};
 *     svg_plot chart = {.title = "run", .x_title = "epoch", .y_title = "loss",
 *                       .count = 100, .series = lines, .series_count = 1};
 *     svg_plot_write("history.svg", &chart);
 */
#ifndef IMAGE_SVG_PLOT_H
#define IMAGE_SVG_PLOT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct plot_series {
    const char *name, *color; /* color as in CSS */
    const double *values;     /* (count), at x = 1 .. count; gaps where not finite or not above 0 */
    bool light;               /* a thin line without dots, for what is only a part of others */
} plot_series;

/* A thin vertical line with a text along it. */
typedef struct plot_rule {
    size_t x;
    char text[48];
} plot_rule;

/* Everything is the caller's; texts are of any characters. */
typedef struct svg_plot {
    const char *title, *x_title, *y_title;
    size_t count;
    const plot_series *series;
    size_t series_count;
    const plot_rule *rules; /* by growing x */
    size_t rule_count;
    size_t best_series, best_x; /* a ring around this value; x 0: none */
    const char *best_text;      /* what the legend says of the ring */
} svg_plot;

/* Four digits, without the zeros that C puts into exponents: 0.0005, 5e-5; returns text. */
const char *plot_number(double value, char *text, size_t size);

int svg_plot_write(const char *path, const svg_plot *plot); /* atomically */

#endif
