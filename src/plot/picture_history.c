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
    size_t end = strlen(run_directory);
    while (end > 1 && run_directory[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && run_directory[start - 1] != '/')
        start--;
    return format_text("Training of %.*s", (int)(end - start), run_directory + start);
}

static void add_best(svg_plot *plot, const history *h, char *text, size_t size)
{
    const epoch_record *best = history_best(h);
    if (!best)
        return;
    plot->best_x = (size_t)(best - h->epochs) + 1;
    plot->best_series = isfinite(best->val_total);
    plot->best_text = text;
    double loss = plot->best_series ? best->val_total : best->total;
    char number[24];
    snprintf(text, size, "best: epoch %ld, %s", best->epoch,
             plot_number(loss, number, sizeof number));
}

/* values: (2, h->count), training then validation. */
static int write_plot(const history *h, const char *title, double *values, plot_rule *rules,
                      const char *path)
{
    double *training = values, *validation = values + h->count;
    char best[64];
    bool validated = false;
    for (size_t i = 0; i < h->count; i++) {
        training[i] = h->epochs[i].total;
        validation[i] = h->epochs[i].val_total;
        validated = validated || isfinite(validation[i]);
    }
    const plot_series series[] = {{"training", "#3b6fb6", training},
                                  {"validation", "#d9622b", validation}};
    svg_plot plot = {.title = title,
                     .x_title = "epoch",
                     .y_title = "mean squared error, sum of the sources",
                     .count = h->count,
                     .series = series,
                     .series_count = validated ? 2 : 1,
                     .rules = rules,
                     .rule_count = mark_rates(h, rules)};
    add_best(&plot, h, best, sizeof best);
    return svg_plot_write(path, &plot);
}

int picture_history(const char *run_directory)
{
    history h = {0};
    char *from = path_join(run_directory, HISTORY_JSON);
    char *to = path_join(run_directory, HISTORY_PICTURE_NAME), *title = title_of(run_directory);
    double *values = NULL;
    plot_rule *rules = NULL;
    int result = -1;
    if (!from || !to || !title || history_read(from, &h))
        goto done;
    values = allocate(h.count + 1, 2 * sizeof *values);
    rules = allocate(h.count + 1, sizeof *rules);
    if (values && rules)
        result = write_plot(&h, title, values, rules, to);
done:
    history_release(&h);
    free(from);
    free(to);
    free(title);
    free(values);
    free(rules);
    return result;
}
