#include "evaluate/ssim.h"

#include "base/memory.h"
#include <math.h>
#include <stdlib.h>

struct ssim {
    device *device;
    struct image_format format;
    int sources;
    int rows, columns; /* of places where a window lies inside; 0: there is none */
    kernel *kernel;
    cl_mem sums; /* (images, sources, channels, rows): over the windows of a row */
    float *host_sums;
};

/* Windows fit in so many places along a side. */
static int places(int side)
{
    return side < SSIM_WINDOW ? 0 : side - SSIM_WINDOW + 1;
}

static size_t sums_of(const ssim *s, int images)
{
    return (size_t)images * (size_t)s->sources * (size_t)s->format.channels * (size_t)s->rows;
}

int ssim_new(ssim **out, device *d, struct image_format format, int sources, int images)
{
    ssim *s = allocate(1, sizeof *s);
    if (!s)
        return -1;
    s->device = d;
    s->format = format;
    s->sources = sources;
    s->columns = places(format.width);
    s->rows = s->columns ? places(format.height) : 0;
    size_t count = sums_of(s, images);
    if (count) {
        s->kernel = kernel_get(d, "ssim", "", "ssim_rows");
        s->host_sums = allocate(count, sizeof *s->host_sums);
        if (!s->kernel || !s->host_sums ||
            buffer_new(d, count * sizeof *s->host_sums, "similarities", &s->sums)) {
            ssim_free(s);
            return -1;
        }
    }
    *out = s;
    return 0;
}

void ssim_free(ssim *s)
{
    if (!s)
        return;
    buffer_free(s->device, &s->sums);
    free(s->host_sums);
    free(s);
}

int ssim_add(ssim *s, cl_mem x, cl_mem y, int images, const int *alone, double *sums)
{
    size_t count = sums_of(s, images);
    if (!count) {
        for (int k = 0; k < s->sources; k++)
            sums[k] = NAN;
        return 0;
    }
    if (LAUNCH(s->device, s->kernel, range_flat(count), ARG(x), ARG(y), ARG(s->sums), ARG(images),
               ARG(s->format.height), ARG(s->format.width), ARG(s->sources * s->format.channels)) ||
        buffer_read(s->device, s->sums, 0, s->host_sums, count * sizeof *s->host_sums))
        return -1;
    int windows = s->rows * s->columns * s->format.channels; /* of one image and source */
    size_t own = (size_t)s->format.channels * (size_t)s->rows;
    for (size_t i = 0; i < count; i++) {
        size_t source = i / own % (size_t)s->sources, image = i / own / (size_t)s->sources;
        if (!alone || alone[image] < 0 || (size_t)alone[image] == source)
            sums[source] += s->host_sums[i] / windows;
    }
    return 0;
}
