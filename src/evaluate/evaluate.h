/*
 * How well a network separates random pairs.
 *
 *  - mse, the metric of the published results: the mean of (found - true)^2 over the whole image, its
 *    border included, of each source; of all together the mean over the sources.
 *  - PSNR in dB: 10 * log10(1 / mse) of each image, at most 100, averaged over the images.
 *  - SSIM (Wang et al. 2004): windows of 11x11 under a Gaussian of deviation 1.5, K1 0.01, K2 0.03,
 *    wherever they lie inside the image (22x22 places), averaged over places, channels and images. Of
 *    images with a side below 11 there is none: NaN here, "-" and null where it is printed.
 *
 * A network whose sources may come in any order (train.objective = permutation) is scored in the better order of
 * each picture: see network_arrange().
 *
 * Of a clean blend, which is one source alone, only that source's output is scored (batches_lone_source()).
 *
 * The range of values is 1, and outputs are taken as they are, not clipped to it. While signals are
 * caught (signals.h), one that comes ends a measurement after its batch.
 */
#ifndef EVALUATE_EVALUATE_H
#define EVALUATE_EVALUATE_H

#include "data/batches.h"
#include "models/network.h"
#include "models/typical.h"

/* Of each source, the mean over images; NaN of a source that is in none. */
typedef struct image_scores {
    double mse[SOURCES_MAX], psnr[SOURCES_MAX], ssim[SOURCES_MAX];
    long images[SOURCES_MAX];
} image_scores;

typedef struct evaluator evaluator;

/* n: a NETWORK_INFER network, prepared; both stay the caller's. */
int evaluator_new(evaluator **out, network *n, batches *b);
void evaluator_free(evaluator *e);

/* Mean squared error per source over the pairs position .. position + samples - 1 of the sequence
 * (split, seed, stream). */
int evaluator_run(evaluator *e, enum split split, uint64_t seed, unsigned stream, uint64_t position,
                  long samples, double mse[]);

/* All scores of the same pairs. */
int evaluator_scores(evaluator *e, enum split split, uint64_t seed, unsigned stream,
                     uint64_t position, long samples, image_scores *out);

/* What so many blends of that sequence are like, and how far the outputs' blend is from them. */
int evaluator_typical(evaluator *e, const struct mix_config *mix, enum split split, uint64_t seed,
                      unsigned stream, long blends, typical *out);

#endif
