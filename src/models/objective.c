#include "models/objective.h"

#include "layers/layers.h"

/* Keras' MeanSquaredError for each source. */
static tensor *squared_error(graph *g, const struct train_config *c, int sources, tensor *output,
                             tensor *truth)
{
    float weights[SOURCES_MAX];
    for (int k = 0; k < sources; k++)
        weights[k] = (float)c->source_weights[k];
    return mse(g, "losses", output, truth, sources, weights);
}

static objective_build *const objectives[] = {[OBJECTIVE_SQUARED_ERROR] = squared_error};

tensor *objective_layers(graph *g, const struct train_config *c, int sources, tensor *output,
                         tensor *truth)
{
    return objectives[c->objective](g, c, sources, output, truth);
}

double objective_total(const struct train_config *c, int sources, const double losses[])
{
    double total = 0;
    for (int k = 0; k < sources; k++)
        total += c->source_weights[k] * losses[k];
    return total;
}
