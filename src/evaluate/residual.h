/*
 * What a picture's sources, as they were written, do not explain of it: the residual, input less the blend of the
 * outputs.
 *
 *     residual_rule rule = residual_rule_of(settings, &mixture);
 *     double mse = residual_measure(&rule, &input, sources, NULL);
 *
 * The blend is that of the model's [mix], without noise. Where it draws weights for each blend, those are taken that
 * fit best (least squares), within what it draws from.
 */
#ifndef EVALUATE_RESIDUAL_H
#define EVALUATE_RESIDUAL_H

#include "config/config.h"
#include "data/batches.h"
#include "image/image.h"

typedef struct residual_rule {
    int sources;
    blend_rule blend;
    float weights[SOURCES_MAX]; /* unless they are drawn */
} residual_rule;

residual_rule residual_rule_of(const struct mix_config *mix, const mixture *m);

/* The mean squared residual. input and the sources are of one size and number of channels. picture: NULL, or one like
 * them to hold 0.5 + residual / 2, so that mid-gray is what the sources explain. */
double residual_measure(const residual_rule *r, const struct image *input,
                        const struct image sources[], struct image *picture);

#endif
