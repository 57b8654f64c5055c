#include "train/progress.h"

#include "base/clock.h"
#include "base/log.h"
#include "models/objective.h"
#include <math.h>
#include <stdio.h>

static const double interval = 0.2; /* seconds between live lines */

/* batch_rate: batches a second. Later steps of more batches take longer than this assumes. */
static double seconds_left(const progress *p, long epoch, const step_sums *sums, double elapsed,
                           double batch_rate)
{
    const struct train_config *c = p->config;
    double steps = (double)(c->steps_per_epoch * (c->epochs - epoch + 1L) - sums->steps),
           batches = sums->steps ? (double)sums->batches / (double)sums->steps : 1,
           left = c->minutes > 0 ? c->minutes * 60 - elapsed : steps * batches / batch_rate;
    double until_limit = (double)c->time_limit - (clock_seconds() - p->started);
    return c->time_limit && left > until_limit ? until_limit : left;
}

/* "3/100", or "3" where not the epochs but the minutes are limited. */
static const char *describe_epoch(const struct train_config *c, long epoch, char *text, size_t size)
{
    snprintf(text, size, c->minutes > 0 ? "%ld" : "%ld/%d", epoch, c->epochs);
    return text;
}

/* "mnist 0.00123, fashion 0.00456": the mean losses of the epoch's steps so far. */
static const char *describe_losses(const mixture *m, const step_sums *sums, char *text, size_t size)
{
    size_t used = 0;
    for (int k = 0; k < m->sources; k++)
        used += (size_t)snprintf(text + used, size - used, "%s%s %.5f", k ? ", " : "", m->names[k],
                                 sums->loss[k] / (double)sums->batches);
    return text;
}

void progress_step(progress *p, long epoch, const step_sums *sums, double elapsed,
                   double learning_rate)
{
    double now = clock_seconds(), done = (double)(sums->batches - p->batches_at_begin);
    if (!log_is_live() || now - p->shown < interval || done < 1)
        return;
    p->shown = now;
    const struct train_config *c = p->config;
    const mixture *m = p->mixture;
    double rate = done / (now - p->begun);
    char eta[32], number[32], losses[SOURCES_MAX * (SOURCE_NAME_MAX + 32)];
    log_live("epoch %s  step %ld/%d  %.0f images/s  %s left  loss %.5f (%s)  rate %.2g",
             describe_epoch(c, epoch, number, sizeof number), sums->steps, c->steps_per_epoch,
             rate * (double)c->batch,
             clock_text(seconds_left(p, epoch, sums, elapsed, rate), eta, sizeof eta),
             objective_total(c, m->sources, sums->loss) / (double)sums->batches,
             describe_losses(m, sums, losses, sizeof losses), learning_rate);
}

void progress_epoch(const progress *p, const epoch_record *e, bool is_best)
{
    char validation[64] = "", number[32];
    if (isfinite(e->val_total))
        snprintf(validation, sizeof validation, "  val_loss %.6f", e->val_total);
    log_info("epoch %s  %ld steps  %.1f s  %.0f images/s  rate %.2g  loss %.6f%s%s",
             describe_epoch(p->config, e->epoch, number, sizeof number), e->steps, e->seconds,
             e->images_per_second, e->learning_rate, e->total, validation, is_best ? "  best" : "");
}
