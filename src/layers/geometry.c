#include "layers/geometry.h"

enum { TAPS_MAX = CONVOLUTION_KERNEL_MAX * CONVOLUTION_KERNEL_MAX, TAP_INTS = 3, PHASE_INTS = 6 };

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
static void add_phase(geometry *g, const geometry_of *from, int y, int x, cl_int *taps, int *count)
{
    axis rows = axis_of(from, y, from->pad_y), columns = axis_of(from, x, from->pad_x);
    g->phases[g->phase_count++] = (phase){.first_tap = *count,
                                          .tap_count = rows.count * columns.count,
                                          .y = y,
                                          .x = x,
                                          .qh = outputs_of(from->out.h, y, g->out_stride),
                                          .qw = outputs_of(from->out.w, x, g->out_stride)};
    for (int i = 0; i < rows.count; i++) {
        for (int j = 0; j < columns.count; j++) {
            cl_int *tap = taps + TAP_INTS * (*count)++;
            tap[0] = rows.offset[i];
            tap[1] = columns.offset[j];
            tap[2] = rows.tap[i] * from->kernel + columns.tap[j];
        }
    }
}

/* Makes the taps' offsets relative to the least, on one axis. */
static void relate(cl_int *offsets, int count, int *min, int *span)
{
    int low = 0, high = 0;
    for (int i = 0; i < count; i++) {
        int value = offsets[TAP_INTS * i];
        low = !i || value < low ? value : low;
        high = !i || value > high ? value : high;
    }
    for (int i = 0; i < count; i++)
        offsets[TAP_INTS * i] -= low;
    *min = low;
    *span = high - low + 1;
}

int geometry_new(geometry *g, device *d, const geometry_of *from)
{
    cl_int taps[TAPS_MAX * TAP_INTS] = {0};
    int count = 0;
    *g = (geometry){.device = d,
                    .in_stride = from->adjoint ? 1 : from->stride,
                    .out_stride = from->adjoint ? from->stride : 1};
    for (int y = 0; y < g->out_stride && y < from->out.h; y++)
        for (int x = 0; x < g->out_stride && x < from->out.w; x++)
            add_phase(g, from, y, x, taps, &count);
    relate(taps, count, &g->dy_min, &g->dy_span);
    relate(taps + 1, count, &g->dx_min, &g->dx_span);
    size_t bytes = (size_t)(count ? count : 1) * TAP_INTS * sizeof *taps;
    size_t table_bytes = (size_t)g->phase_count * PHASE_INTS * sizeof(cl_int);
    return buffer_new(d, bytes, "taps", &g->taps) || buffer_write(d, g->taps, 0, taps, bytes) ||
                   buffer_new(d, table_bytes, "phases", &g->table) ||
                   buffer_write(d, g->table, 0, g->phases, table_bytes)
               ? -1
               : 0;
}

void geometry_release(geometry *g)
{
    if (g->device) {
        buffer_free(g->device, &g->taps);
        buffer_free(g->device, &g->table);
    }
    *g = (geometry){0};
}

int geometry_rows(const geometry *g)
{
    int most = 0;
    for (int i = 0; i < g->phase_count; i++)
        most = g->phases[i].qh > most ? g->phases[i].qh : most;
    return most;
}

int geometry_columns(const geometry *g)
{
    int most = 0;
    for (int i = 0; i < g->phase_count; i++)
        most = g->phases[i].qw > most ? g->phases[i].qw : most;
    return most;
}
