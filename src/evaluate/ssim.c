#include "evaluate/ssim.h"

#include "base/memory.h"
#include "models/network.h"
#include <stdlib.h>

enum { WINDOW = 11, PLACES = IMAGE_SIZE - WINDOW + 1 }; /* PLACES along one side, as in ssim.cl */

struct ssim {
    device *device;
    kernel *rows;
    cl_mem sums; /* (images, PLACES): over the windows of a row */
    float *host_sums;
};

int ssim_new(ssim **out, device *d, int images)
{
    ssim *s = allocate(1, sizeof *s);
    if (!s)
        return -1;
    size_t count = (size_t)images * PLACES;
    char *side = format_text("-DSIDE=%d", IMAGE_SIZE);
    s->device = d;
    s->rows = side ? kernel_get(d, "ssim", side, "ssim_rows") : NULL;
    s->host_sums = allocate(count, sizeof *s->host_sums);
    free(side);
    if (!s->rows || !s->host_sums ||
        buffer_new(d, count * sizeof *s->host_sums, "similarities", &s->sums)) {
        ssim_free(s);
        return -1;
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

int ssim_add(ssim *s, cl_mem x, cl_mem y, int images, double *sum)
{
    size_t count = (size_t)images * PLACES;
    if (LAUNCH(s->device, s->rows, range_flat(count), ARG(x), ARG(y), ARG(s->sums), ARG(images)) ||
        buffer_read(s->device, s->sums, 0, s->host_sums, count * sizeof *s->host_sums))
        return -1;
    for (size_t i = 0; i < count; i++)
        *sum += s->host_sums[i] / (PLACES * PLACES);
    return 0;
}
