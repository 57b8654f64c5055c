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

/* The same of each picture's sources in the order that is nearest to the output. */
static tensor *permutation(graph *g, const struct train_config *c, int sources, tensor *output,
                           tensor *truth)
{
    tensor *nearest = assignment(g, "assignment", output, truth, sources);
    return squared_error(g, c, sources, output, nearest);
}

static objective_build *const objectives[] = {
    [OBJECTIVE_SQUARED_ERROR] = squared_error, [OBJECTIVE_PERMUTATION] = permutation};

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
