#include "search/rungs.h"

long rungs_last(const space *s)
{
    long last = 0, most = s->base->train.epochs;
    if (s->strategy == STRATEGY_RANDOM)
        return 0;
    for (long epochs = s->min_epochs; epochs * s->eta <= most; epochs *= s->eta)
        last++;
    return last;
}

long rung_epochs(const space *s, long rung)
{
    if (rung == rungs_last(s))
        return s->base->train.epochs;
    long epochs = s->min_epochs;
    while (rung--)
        epochs *= s->eta;
    return epochs;
}

size_t rung_size(const space *s, size_t all, long rung)
{
    while (rung--)
        all /= (size_t)s->eta;
    return all ? all : 1;
}

/* The entries are in order, the best first. Those that are in the rung already keep their places:
 * they had them when it began, and have moved since. */
bool rung_awaits(const trials *t, long rung, long number)
{
    const trial *entry = trials_find(t, number);
    if (!rung)
        return !entry;
    if (!entry || entry->rung != rung - 1 || entry->status != TRIAL_DONE)
        return false;
    size_t places = rung_size(t->space, t->points->count, rung);
    for (size_t i = 0; i < t->count && places; i++)
        places -= t->items[i].rung >= rung;
    for (const trial *better = t->items; better < entry && places; better++)
        places -= better->rung == rung - 1 && better->status == TRIAL_DONE;
    return places > 0;
}
