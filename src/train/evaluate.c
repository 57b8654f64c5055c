#include "train/evaluate.h"

#include "base/error.h"
#include "base/memory.h"
#include <stdlib.h>

struct evaluator {
    network *network;
    mixer *mixer;
    kernel *image_error;
    cl_mem truths[SOURCES]; /* as the network's outputs */
    cl_mem errors;          /* (SOURCES, batch) */
    float *host_errors;
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
    free(e->host_errors);
    free(e);
}

/* Adds the squared errors of the first `images` images of the batch to sums. */
static int add_errors(evaluator *e, int images, double sums[SOURCES])
{
    network *n = e->network;
    device *d = n->params->device;
    int pixels = (int)(shape_count(n->outputs[0]->shape) / (size_t)n->batch);
    for (int i = 0; i < SOURCES; i++) {
        if (LAUNCH(d, e->image_error, range_flat((size_t)images), ARG(n->outputs[i]->data),
                   ARG(e->truths[i]), ARG(e->errors), ARG(pixels), ARG(images)) ||
            buffer_read(d, e->errors, 0, e->host_errors, (size_t)images * sizeof(float)))
            return -1;
        for (int k = 0; k < images; k++)
            sums[i] += e->host_errors[k] / pixels;
    }
    return 0;
}

int evaluator_run(evaluator *e, enum split split, unsigned long seed, unsigned stream,
                  unsigned long position, long samples, double mse[SOURCES])
{
    network *n = e->network;
    double sums[SOURCES] = {0};
    for (long done = 0; done < samples; done += n->batch) {
        int images = samples - done < n->batch ? (int)(samples - done) : n->batch;
        if (mixer_batch(e->mixer, split, seed, stream, position + (unsigned long)done, n->batch,
                        n->mixture->data, e->truths[0], e->truths[1]) ||
            plan_forward(n->plan) || add_errors(e, images, sums))
            return -1;
    }
    for (int i = 0; i < SOURCES; i++)
        mse[i] = sums[i] / samples;
    return 0;
}
