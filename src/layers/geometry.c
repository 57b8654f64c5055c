#include "layers/geometry.h"

enum { TAPS_MAX = CONVOLUTION_KERNEL_MAX * CONVOLUTION_KERNEL_MAX };

/* The taps of one axis. */
typedef struct axis {
    int count;
    int tap[CONVOLUTION_KERNEL_MAX], offset[CONVOLUTION_KERNEL_MAX];
} axis;

static int floor_divide(int a, int b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* Those that reach phase p: forward all, adjoint those with (p + pad - k) % stride == 0. */
static axis axis_of(const geometry_of *from, int p, int pad)
{
    axis a = {0};
    for (int k = 0; k < from->kernel; k++) {
        int reach = p + pad - k, q = floor_divide(reach, from->stride);
        if (from->adjoint && reach != q * from->stride)
            continue;
        a.tap[a.count] = k;
        a.offset[a.count++] = from->adjoint ? q : k - pad;
    }
    return a;
}

static int outputs_of(int size, int first, int stride)
{
    return (size - first + stride - 1) / stride;
}

/* Appends the phase's taps, with dy and dx as they are. */
static void add_phase(geometry *g, const geometry_of *from, int y, int x, tap *taps, int *count)
{
    axis rows = axis_of(from, y, from->pad_y), columns = axis_of(from, x, from->pad_x);
    int stride = g->shape.out_stride;
    g->phases.phases[g->phases.count++] = (phase){.first_tap = *count,
                                                  .tap_count = rows.count * columns.count,
                                                  .y = y,
                                                  .x = x,
                                                  .qh = outputs_of(from->out.h, y, stride),
                                                  .qw = outputs_of(from->out.w, x, stride)};
    for (int i = 0; i < rows.count; i++)
        for (int j = 0; j < columns.count; j++)
            taps[(*count)++] = (tap){.dy = rows.offset[i],
                                     .dx = columns.offset[j],
                                     .index = rows.tap[i] * from->kernel + columns.tap[j]};
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* Makes the taps' offsets relative to the least. */
static void make_relative(geometry *g, tap *taps, int count)
{
    tap least = {0}, last = {0};
    if (count)
        least = last = taps[0];
    for (int i = 1; i < count; i++) {
        least.dy = smaller(least.dy, taps[i].dy);
        least.dx = smaller(least.dx, taps[i].dx);
        last.dy = larger(last.dy, taps[i].dy);
        last.dx = larger(last.dx, taps[i].dx);
    }
    for (int i = 0; i < count; i++) {
        taps[i].dy -= least.dy;
        taps[i].dx -= least.dx;
    }
    g->shape.dy_min = least.dy;
    g->shape.dx_min = least.dx;
    g->dy_span = last.dy - least.dy + 1;
    g->dx_span = last.dx - least.dx + 1;
}

static conv_shape shape_of(const geometry_of *from)
{
    return (conv_shape){.images = from->in.n,
                        .h = from->in.h,
                        .w = from->in.w,
                        .cin = from->in.c,
                        .out_h = from->out.h,
                        .out_w = from->out.w,
                        .cout = from->out.c,
                        .in_stride = from->adjoint ? 1 : from->stride,
                        .out_stride = from->adjoint ? from->stride : 1};
}

int geometry_new(geometry *g, device *d, const geometry_of *from)
{
    tap taps[TAPS_MAX] = {{0}};
    int count = 0;
    *g = (geometry){.device = d, .shape = shape_of(from)};
    for (int y = 0; y < g->shape.out_stride && y < from->out.h; y++)
        for (int x = 0; x < g->shape.out_stride && x < from->out.w; x++)
            add_phase(g, from, y, x, taps, &count);
    make_relative(g, taps, count);
    size_t bytes = (size_t)(count ? count : 1) * sizeof *taps;
    if (buffer_new(d, bytes, "taps", &g->taps) || buffer_write(d, g->taps, 0, taps, bytes))
        return -1;
    return 0;
}

void geometry_release(geometry *g)
{
    if (g->device)
        buffer_free(g->device, &g->taps);
    *g = (geometry){0};
}

int geometry_rows(const geometry *g)
{
    int most = 0;
    for (int i = 0; i < g->phases.count; i++)
        most = larger(most, g->phases.phases[i].qh);
    return most;
}

int geometry_columns(const geometry *g)
{
    int most = 0;
    for (int i = 0; i < g->phases.count; i++)
        most = larger(most, g->phases.phases[i].qw);
    return most;
}
