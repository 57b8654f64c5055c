#include "plot/pictures.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "image/svg_plot.h"
#include "train/history.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A schedule that changes the rate more often changes it all the time. */
enum { CHANGES_MOST = 16 };

static size_t count_changes(const history *h)
{
    size_t changes = 0;
    for (size_t i = 1; i < h->count; i++)
        changes += h->epochs[i].learning_rate != h->epochs[i - 1].learning_rate;
    return changes;
}

/* Whether the rate is another than `last`; roughly: at least twice or at most half of it. */
static bool has_changed(double rate, double last, bool roughly)
{
    return roughly ? rate >= 2 * last || rate <= last / 2 : rate != last;
}

/* A rule for the first learning rate and each change of it; rules holds (h->count). */
static size_t mark_rates(const history *h, plot_rule *rules)
{
    bool roughly = count_changes(h) > CHANGES_MOST;
    size_t count = 0;
    double last = NAN;
    for (size_t i = 0; i < h->count; i++) {
        double rate = h->epochs[i].learning_rate;
        if (!isfinite(rate) || (count && !has_changed(rate, last, roughly)))
            continue;
        plot_rule *rule = &rules[count];
        char text[24];
        rule->x = i + 1;
        snprintf(rule->text, sizeof rule->text, "%s%s", count ? "" : "learning rate ",
                 plot_number(rate, text, sizeof text));
        last = rate;
        count++;
    }
    return count;
}

/* The run's name as the title: the last part of its path. */
static char *title_of(const char *run_directory)
{
    size_t length;
    const char *name = path_last_part(run_directory, &length);
    return length ? format_text("Training of %.*s", (int)length, name)
                  : format_text("Training of %s", run_directory);
}

/* ---- Curves ---- */

enum { TRAINING, VALIDATION, CURVES_MOST = 2 + SOURCES_MAX };

typedef struct curves {
    const history *history;
    bool validated;
    double *values; /* (CURVES_MOST, history->count) */
    plot_series series[CURVES_MOST];
    char names[SOURCES_MAX][SOURCE_NAME_MAX + 16]; /* of the sources' curves */
    size_t count;
} curves;

/* Its values are to be filled in. */
static double *add_curve(curves *c, const char *name, const char *color, bool light)
{
    double *values = c->values + c->count * c->history->count;
    c->series[c->count++] = (plot_series){name, color, values, light};
    return values;
}

static void add_total(curves *c, bool validation)
{
    double *values = add_curve(c, validation ? "validation" : "training",
                               validation ? "#d9622b" : "#3b6fb6", false);
    for (size_t i = 0; i < c->history->count; i++)
        values[i] = validation ? c->history->epochs[i].val_total : c->history->epochs[i].total;
}

/* On the held-out pairs, if there are any. */
static void add_source(curves *c, int source)
{
    static const char *const colors[SOURCES_MAX] = {"#2e8b57", "#8e5bb5", "#b08d2e", "#c2478c"};
    const history *h = c->history;
    snprintf(c->names[source], sizeof c->names[source], c->validated ? "%s, validation" : "%s",
             h->names[source]);
    double *values = add_curve(c, c->names[source], colors[source], true);
    for (size_t i = 0; i < h->count; i++)
        values[i] = c->validated ? h->epochs[i].val_loss[source] : h->epochs[i].loss[source];
}

static void make_curves(curves *c)
{
    const history *h = c->history;
    for (size_t i = 0; i < h->count; i++)
        c->validated = c->validated || isfinite(h->epochs[i].val_total);
    add_total(c, false);
    if (c->validated)
        add_total(c, true);
    for (int k = 0; k < h->sources; k++)
        add_source(c, k);
}

/* ---- The chart ---- */

static void add_best(svg_plot *plot, const history *h, char *text, size_t size)
{
    const epoch_record *best = history_best(h);
    if (!best)
        return;
    bool validated = isfinite(best->val_total);
    char number[24];
    plot->best_x = (size_t)(best - h->epochs) + 1;
    plot->best_series = validated ? VALIDATION : TRAINING;
    plot->best_text = text;
    snprintf(text, size, "best: epoch %ld, %s", best->epoch,
             plot_number(validated ? best->val_total : best->total, number, sizeof number));
}

static int write_plot(curves *c, const char *title, plot_rule *rules, const char *path)
{
    char best[64];
    make_curves(c);
    svg_plot plot = {.title = title,
                     .x_title = "epoch",
                     .y_title = "mean squared error (thick: sum of the sources)",
                     .count = c->history->count,
                     .series = c->series,
                     .series_count = c->count,
                     .rules = rules,
                     .rule_count = mark_rates(c->history, rules)};
    add_best(&plot, c->history, best, sizeof best);
    return svg_plot_write(path, &plot);
}

int picture_history(const char *run_directory)
{
    history h = {0};
    char *from = path_join(run_directory, HISTORY_JSON);
    char *to = path_join(run_directory, HISTORY_PICTURE_NAME), *title = title_of(run_directory);
    curves c = {.history = &h};
    plot_rule *rules = NULL;
    int result = -1;
    if (!from || !to || !title || history_read(from, &h))
        goto done;
    c.values = allocate(h.count + 1, CURVES_MOST * sizeof *c.values);
    rules = allocate(h.count + 1, sizeof *rules);
    if (c.values && rules)
        result = write_plot(&c, title, rules, to);
done:
    history_release(&h);
    free(from);
    free(to);
    free(title);
    free(c.values);
    free(rules);
    return result;
}
