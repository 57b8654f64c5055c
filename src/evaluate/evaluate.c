#include "evaluate/evaluate.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/signals.h"
#include "evaluate/residual.h"
#include "evaluate/ssim.h"
#include "image/scores.h"
#include <math.h>
#include <stdlib.h>

struct evaluator {
    network *network;
    batches *batches;
    kernel *image_error;
    cl_mem truth;  /* as the network's output */
    cl_mem errors; /* (batch, sources) */
    float *host_errors;
    int *alone; /* (batch): batches_lone_source() of each image */
    ssim *ssim; /* made when it is first asked for: validation does without */
};

int evaluator_new(evaluator **out, network *n, batches *b)
{
    evaluator *e = allocate(1, sizeof *e);
    if (!e)
        return -1;
    device *d = n->params->device;
    size_t bytes = shape_count(n->output->shape) * sizeof(float);
    size_t errors = (size_t)n->batch * (size_t)n->mixture.sources;
    e->network = n;
    e->batches = b;
    e->image_error = kernel_get(d, "image_error", "", "image_error");
    e->host_errors = allocate(errors, sizeof(float));
    e->alone = allocate((size_t)n->batch, sizeof *e->alone);
    if (!e->image_error || !e->host_errors || !e->alone ||
        buffer_new(d, bytes, "truths", &e->truth) ||
        buffer_new(d, errors * sizeof(float), "errors", &e->errors)) {
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
    buffer_free(d, &e->truth);
    buffer_free(d, &e->errors);
    ssim_free(e->ssim);
    free(e->host_errors);
    free(e->alone);
    free(e);
}

/* Adds mse and PSNR of the first `images` images of the batch to sums. */
static int add_errors(evaluator *e, int images, image_scores *sums)
{
    network *n = e->network;
    device *d = n->params->device;
    int sources = n->mixture.sources, channels = n->mixture.format.channels;
    int pixels = n->mixture.format.height * n->mixture.format.width;
    size_t count = (size_t)images * (size_t)sources;
    if (LAUNCH(d, e->image_error, range_flat(count), ARG(n->output->data), ARG(e->truth),
               ARG(e->errors), ARG(images), ARG(pixels), ARG(sources), ARG(channels)) ||
        buffer_read(d, e->errors, 0, e->host_errors, count * sizeof(float)))
        return -1;
    for (size_t i = 0; i < count; i++) {
        int alone = e->alone[i / (size_t)sources], k = (int)(i % (size_t)sources);
        double mse = e->host_errors[i] / ((double)pixels * channels);
        if (alone >= 0 && alone != k)
            continue;
        sums->mse[k] += mse;
        sums->psnr[k] += image_psnr(mse);
        sums->images[k]++;
    }
    return 0;
}

static int add_scores(evaluator *e, int images, bool with_ssim, image_scores *sums)
{
    network *n = e->network;
    return add_errors(e, images, sums) || (with_ssim && ssim_add(e->ssim, n->output->data, e->truth,
                                                                 images, e->alone, sums->ssim))
               ? -1
               : 0;
}

static int score_pairs(evaluator *e, enum split split, uint64_t seed, unsigned stream,
                       uint64_t position, long samples, bool with_ssim, image_scores *out)
{
    network *n = e->network;
    *out = (image_scores){0};
    for (long done = 0; done < samples; done += n->batch) {
        int images = samples - done < n->batch ? (int)(samples - done) : n->batch;
        for (int i = 0; i < images; i++)
            e->alone[i] = batches_lone_source(e->batches, split, seed, stream,
                                              position + (uint64_t)(done + i));
        if (signals_check() ||
            batches_next(e->batches, split, seed, stream, position + (uint64_t)done, n->batch,
                         n->input->data, e->truth) ||
            network_forward(n) || network_arrange(n, e->truth) ||
            add_scores(e, images, with_ssim, out))
            return -1;
    }
    for (int k = 0; k < n->mixture.sources; k++) {
        out->mse[k] /= (double)out->images[k];
        out->psnr[k] /= (double)out->images[k];
        out->ssim[k] /= (double)out->images[k];
    }
    return 0;
}

int evaluator_run(evaluator *e, enum split split, uint64_t seed, unsigned stream, uint64_t position,
                  long samples, double mse[])
{
    image_scores scores;
    if (score_pairs(e, split, seed, stream, position, samples, false, &scores))
        return -1;
    for (int k = 0; k < e->network->mixture.sources; k++)
        mse[k] = scores.mse[k];
    return 0;
}

int evaluator_scores(evaluator *e, enum split split, uint64_t seed, unsigned stream,
                     uint64_t position, long samples, image_scores *out)
{
    network *n = e->network;
    if (!e->ssim &&
        ssim_new(&e->ssim, n->params->device, n->mixture.format, n->mixture.sources, n->batch))
        return -1;
    return score_pairs(e, split, seed, stream, position, samples, true, out);
}

/* ---- What is typical ---- */

/* A batch on the host, and one blend of it with its sources as pictures of 16 bits, without their border: as
 * `separate` would write them. */
typedef struct typical_blends {
    const mixture *mixture;
    float *blends, *outputs;
    struct image blend, sources[SOURCES_MAX];
} typical_blends;

static int new_blends(typical_blends *t, const network *n, const mixture *m)
{
    int height = m->inner_height, width = m->inner_width, channels = m->format.channels;
    size_t values = (size_t)n->batch * image_values(m->format);
    *t = (typical_blends){.mixture = m};
    t->blends = allocate(values, sizeof(float));
    t->outputs = allocate(values, (size_t)m->sources * sizeof(float));
    if (!t->blends || !t->outputs || image_new_deep(&t->blend, width, height, channels, 16))
        return -1;
    for (int k = 0; k < m->sources; k++)
        if (image_new_deep(&t->sources[k], width, height, channels, 16))
            return -1;
    return 0;
}

static void release_blends(typical_blends *t)
{
    free(t->blends);
    free(t->outputs);
    image_release(&t->blend);
    for (int k = 0; k < SOURCES_MAX; k++)
        image_release(&t->sources[k]);
}

static void take_blend(typical_blends *t, size_t i)
{
    struct image_format f = t->mixture->format;
    int top = (f.height - t->blend.height) / 2, left = (f.width - t->blend.width) / 2;
    size_t channels = (size_t)f.channels, sources = (size_t)t->mixture->sources, to = 0;
    for (int y = 0; y < t->blend.height; y++)
        for (int x = 0; x < t->blend.width; x++) {
            size_t pixel =
                (i * (size_t)f.height + (size_t)(top + y)) * (size_t)f.width + (size_t)(left + x);
            for (size_t c = 0; c < channels; c++, to++) {
                pixel_put(t->blend.pixels, PIXELS_SHORTS, to, t->blends[pixel * channels + c]);
                for (size_t k = 0; k < sources; k++)
                    pixel_put(t->sources[k].pixels, PIXELS_SHORTS, to,
                              t->outputs[(pixel * sources + k) * channels + c]);
            }
        }
}

static int add_typical(evaluator *e, typical_blends *t, const residual_rule *rule, int blends,
                       typical_sums *sums)
{
    network *n = e->network;
    device *d = n->params->device;
    if (buffer_read(d, n->input->data, 0, t->blends,
                    shape_count(n->input->shape) * sizeof(float)) ||
        buffer_read(d, n->output->data, 0, t->outputs,
                    shape_count(n->output->shape) * sizeof(float)))
        return -1;
    for (int i = 0; i < blends; i++) {
        take_blend(t, (size_t)i);
        double residual = residual_measure(rule, &t->blend, t->sources, NULL);
        typical_add(sums, typical_of_image(&t->blend, &n->mixture, residual));
    }
    return 0;
}

int evaluator_typical(evaluator *e, const struct mix_config *mix, enum split split, uint64_t seed,
                      unsigned stream, long blends, typical *out)
{
    network *n = e->network;
    residual_rule rule = residual_rule_of(mix, &n->mixture);
    typical_sums sums = {0};
    typical_blends t;
    int result = new_blends(&t, n, batches_mixture(e->batches));
    for (long done = 0; done < blends && !result; done += n->batch) {
        int count = blends - done < n->batch ? (int)(blends - done) : n->batch;
        result = batches_next(e->batches, split, seed, stream, (uint64_t)done, n->batch,
                              n->input->data, e->truth) ||
                         network_forward(n) || add_typical(e, &t, &rule, count, &sums)
                     ? -1
                     : 0;
    }
    release_blends(&t);
    *out = typical_end(&sums);
    return result;
}
