#include "evaluate/evaluate.h"

#include "base/error.h"
#include "base/memory.h"
#include "evaluate/ssim.h"
#include "train/signals.h"
#include <math.h>
#include <stdlib.h>

struct evaluator {
    network *network;
    mixer *mixer;
    kernel *image_error;
    cl_mem truths[SOURCES]; /* as the network's outputs */
    cl_mem errors;          /* (batch) */
    float *host_errors;
    ssim *ssim; /* made when it is first asked for: validation does without */
};

int evaluator_new(evaluator **out, network *n, mixer *m)
{
    evaluator *e = allocate(1, sizeof *e);
    if (!e)
        return -1;
    device *d = n->params->device;
    size_t bytes = shape_count(n->outputs[0]->shape) * sizeof(float);
    size_t error_bytes = (size_t)n->batch * sizeof(float);
    e->network = n;
    e->mixer = m;
    e->image_error = kernel_get(d, "image_error", "", "image_error");
    e->host_errors = allocate((size_t)n->batch, sizeof(float));
    if (!e->image_error || !e->host_errors || buffer_new(d, bytes, "truth A", &e->truths[0]) ||
        buffer_new(d, bytes, "truth B", &e->truths[1]) ||
        buffer_new(d, error_bytes, "errors", &e->errors)) {
        evaluator_free(e);
        return -1;
    }
    *out = e;
    return 0;
}

void evaluator_free(evaluator *e)
{
    if (!e)
        return;
    device *d = e->network->params->device;
    buffer_free(d, &e->truths[0]);
    buffer_free(d, &e->truths[1]);
    buffer_free(d, &e->errors);
    ssim_free(e->ssim);
    free(e->host_errors);
    free(e);
}

/* Written so that NaN stays NaN. */
double psnr(double mse)
{
    double decibels = -10 * log10(mse);
    return decibels > PSNR_MOST ? PSNR_MOST : decibels;
}

/* Adds the scores of the first `images` images of the batch to sums. */
static int add_scores(evaluator *e, int images, bool with_ssim, image_scores *sums)
{
    network *n = e->network;
    device *d = n->params->device;
    int pixels = (int)(shape_count(n->outputs[0]->shape) / (size_t)n->batch);
    for (int i = 0; i < SOURCES; i++) {
        if (LAUNCH(d, e->image_error, range_flat((size_t)images), ARG(n->outputs[i]->data),
                   ARG(e->truths[i]), ARG(e->errors), ARG(pixels), ARG(images)) ||
            buffer_read(d, e->errors, 0, e->host_errors, (size_t)images * sizeof(float)))
            return -1;
        for (int k = 0; k < images; k++) {
            sums->mse[i] += e->host_errors[k] / pixels;
            sums->psnr[i] += psnr(e->host_errors[k] / pixels);
        }
        if (with_ssim &&
            ssim_add(e->ssim, n->outputs[i]->data, e->truths[i], images, &sums->ssim[i]))
            return -1;
    }
    return 0;
}

static int score_pairs(evaluator *e, enum split split, unsigned long seed, unsigned stream,
                       unsigned long position, long samples, bool with_ssim, image_scores *out)
{
    network *n = e->network;
    *out = (image_scores){0};
    for (long done = 0; done < samples; done += n->batch) {
        int images = samples - done < n->batch ? (int)(samples - done) : n->batch;
        if (signals_check() ||
            mixer_batch(e->mixer, split, seed, stream, position + (unsigned long)done, n->batch,
                        n->mixture->data, e->truths[0], e->truths[1]) ||
            network_forward(n) || add_scores(e, images, with_ssim, out))
            return -1;
    }
    for (int i = 0; i < SOURCES; i++) {
        out->mse[i] /= samples;
        out->psnr[i] /= samples;
        out->ssim[i] /= samples;
    }
    return 0;
}

int evaluator_run(evaluator *e, enum split split, unsigned long seed, unsigned stream,
                  unsigned long position, long samples, double mse[SOURCES])
{
    image_scores scores;
    if (score_pairs(e, split, seed, stream, position, samples, false, &scores))
        return -1;
    for (int i = 0; i < SOURCES; i++)
        mse[i] = scores.mse[i];
    return 0;
}

int evaluator_scores(evaluator *e, enum split split, unsigned long seed, unsigned stream,
                     unsigned long position, long samples, image_scores *out)
{
    const struct image_format format = {IMAGE_SIZE, IMAGE_SIZE, 1};
    if (!e->ssim && ssim_new(&e->ssim, e->network->params->device, format, 1, e->network->batch))
        return -1;
    return score_pairs(e, split, seed, stream, position, samples, true, out);
}
