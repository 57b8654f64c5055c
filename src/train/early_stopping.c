#include "train/early_stopping.h"

#include <math.h>

early_stopping early_stopping_new(const struct train_config *c)
{
    return (early_stopping){.min_delta = c->stop_min_delta,
                            .enough = c->stop_loss,
                            .patience = c->stop_patience,
                            .state = {.best = INFINITY}};
}

bool early_stopping_epoch_end(early_stopping *e, long epoch, double monitored)
{
    if (monitored + e->min_delta < e->state.best) {
        e->state = (struct early_stopping_state){monitored, epoch, 0};
        return true;
    }
    e->state.wait++;
    return false;
}

bool early_stopping_is_enough(const early_stopping *e)
{
    return e->enough > 0 && e->state.best <= e->enough;
}

bool early_stopping_is_due(const early_stopping *e)
{
    return (e->patience && e->state.wait >= e->patience) || early_stopping_is_enough(e);
}
