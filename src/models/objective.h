/*
 * Objectives: what training minimises, as layers behind a network's output. One is a function and a
 * row in objective.c; train.objective chooses.
 */
#ifndef MODELS_OBJECTIVE_H
#define MODELS_OBJECTIVE_H

#include "config/config.h"
#include "nn/graph.h"

/*
 * The losses (1, 1, 1, sources) of output and truth, both (n, h, w, sources * channels). Training
 * follows the gradient of their sum, each times its weight (train.source_weights). NULL on failure.
 */
typedef tensor *objective_build(graph *g, const struct train_config *c, int sources, tensor *output,
                                tensor *truth);

/* By the objective that the config names. */
objective_build objective_layers;

/* The sum of losses that training follows. */
double objective_total(const struct train_config *c, int sources, const double losses[]);

#endif
