/*
 * Convolution for devices with long vectors and few cores (CPUs): forward, input gradient and
 * weight gradient of conv2d and conv2d_transpose. The geometry is described in convolution.h.
 *
 * A work-group is a single item. It copies the input rows it needs into local memory with a zero
 * border, so that the inner loops need no bounds test, then walks register tiles of TILE pixels x
 * LANES channels: one broadcast input value times VECTORS weight vectors, TILE * VECTORS sums in
 * registers.
 *
 * VECTORS (1 or 2): vectors of 16 output channels in a tile. 1 where there are 16 or fewer.
 */
#ifndef TILE
#define TILE 8 /* TILE * VECTORS sums must fit the register file: 16 of 32 on AVX-512 */
#endif
#define LANES (16 * VECTORS)

/*
 * Copies rows x columns pixels of c channels from image (H, W, c), starting at pixel (y, x), to
 * patch (rows, columns, c); pixels outside the image become zero.
 */
void gather_patch(local float *patch, global const float *image, int h, int w, int c, int y, int x,
                  int rows, int columns)
{
    const int before = clamp(-x, 0, columns);
    const int inside = max(min(w - max(x, 0), columns - before), 0) * c;
    for (int row = 0; row < rows; row++, y++) {
        local float *to = patch + row * columns * c;
        const int left = y < 0 || y >= h ? columns * c : before * c;
        for (int i = 0; i < left; i++)
            to[i] = 0.0f;
        if (left == columns * c)
            continue;
        global const float *from = image + (y * w + max(x, 0)) * c;
        for (int i = 0; i < inside; i++)
            to[left + i] = from[i];
        for (int i = left + inside; i < columns * c; i++)
            to[i] = 0.0f;
    }
}

/*
 * One phase: y[n, qy * OUT_STRIDE + phase_y, qx * OUT_STRIDE + phase_x, :] = bias +
 *     sum over taps t of x[n, qy * IN_STRIDE + dy[t], qx * IN_STRIDE + dx[t], :] * w[t]
 * x (N, h, w, cin), y (N, out_h, out_w, cout); q runs over (N, qh, qw), a row of q a work-item.
 * packed: the weights as (ceil(cout / LANES), taps, cin, LANES), zero beyond cout.
 * taps: (dy - dy_min, dx - dx_min, index) each. patch: (patch_rows, patch_columns, cin).
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
convolve(global const float *x, global const float *packed, ulong packed_offset,
         global const float *bias, global float *y, global const int *taps, int tap_count, int h, int w, int cin, int out_h,
         int out_w, int cout, int qw, int in_stride, int out_stride, int phase_y, int phase_x,
         int dy_min, int dx_min, int patch_rows, int patch_columns, int has_bias, int accumulate,
         local float *patch)
{
    const int qy = get_group_id(0);
    const int n = get_group_id(1);
    gather_patch(patch, x + (size_t)n * h * w * cin, h, w, cin, qy * in_stride + dy_min, dx_min,
                 patch_rows, patch_columns);
    global float *row = y + ((size_t)n * out_h + qy * out_stride + phase_y) * out_w * cout;
    const int step = in_stride * cin;

    for (int first = 0; first < cout; first += LANES) {
        global const float *panel = packed + packed_offset + (size_t)first * tap_count * cin;
        for (int q0 = 0; q0 < qw; q0 += TILE) {
            float16 sum[TILE][VECTORS];
#pragma unroll
            for (int p = 0; p < TILE; p++)
#pragma unroll
                for (int v = 0; v < VECTORS; v++)
                    sum[p][v] = 0.0f;
            global const float *weight = panel;
            for (int t = 0; t < tap_count; t++) {
                local const float *value =
                    patch + (taps[3 * t] * patch_columns + taps[3 * t + 1]) * cin + q0 * step;
                for (int c = 0; c < cin; c++, value++, weight += LANES) {
                    float16 k[VECTORS];
#pragma unroll
                    for (int v = 0; v < VECTORS; v++)
                        k[v] = vload16(v, weight);
#pragma unroll
                    for (int p = 0; p < TILE; p++)
#pragma unroll
                        for (int v = 0; v < VECTORS; v++)
                            sum[p][v] = fma((float16)(value[p * step]), k[v], sum[p][v]);
                }
            }
            for (int p = 0; p < TILE && q0 + p < qw; p++) {
                global float *pixel = row + ((q0 + p) * out_stride + phase_x) * cout;
                for (int v = 0; v < VECTORS; v++) {
                    if (first + 16 * v + 16 <= cout) {
                        float16 s = sum[p][v];
                        if (has_bias)
                            s += vload16(0, bias + first + 16 * v);
                        if (accumulate)
                            s += vload16(0, pixel + first + 16 * v);
                        vstore16(s, 0, pixel + first + 16 * v);
                    } else {
                        float s[16];
                        vstore16(sum[p][v], 0, s);
                        for (int i = 0; first + 16 * v + i < cout; i++) {
                            int o = first + 16 * v + i;
                            pixel[o] = s[i] + (has_bias ? bias[o] : 0.0f) +
                                       (accumulate ? pixel[o] : 0.0f);
                        }
                    }
                }
            }
        }
    }
}

/*
 * Weight gradient, first pass. For a chunk of images and a panel of LANES output channels:
 *     partial[chunk, t, ci, co] = sum over q of x[n, q * IN_STRIDE + d[t], ci] * g[n, q, co]
 *     partial[chunk, taps * cin, co] = sum over q of g[n, q, co]                 (bias gradient)
 * x (N, h, w, cin), g (N, qh, qw, cout), partial (chunks, taps * cin + 1, padded cout).
 * A strip of `strip` rows of q at a time is copied to local memory (patch of x with a zero border,
 * panel of g padded with zeros), then every tile of ROWS (tap, ci) rows x LANES sums over the strip
 * in registers and is added to partial.
 */
#ifndef ROWS
#define ROWS 8
#endif

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
convolve_weight_gradient(global const float *x, global const float *g, global float *partial,
                         global const int *taps, int tap_count, int images, int chunk_images,
                         int h, int w, int cin, int qh, int qw, int cout, int in_stride, int dy_min,
                         int dx_min, int strip, int patch_rows, int patch_columns,
                         local float *patch, local float *panel)
{
    const int first = get_group_id(0) * LANES;
    const int chunk = get_group_id(1);
    const int padded = get_num_groups(0) * LANES;
    const int rows = tap_count * cin;
    global float *sums = partial + (size_t)chunk * (rows + 1) * padded + first;
    float16 bias[VECTORS];
    for (int v = 0; v < VECTORS; v++)
        bias[v] = 0.0f;
    for (int m = 0; m <= rows; m++)
        for (int v = 0; v < VECTORS; v++)
            vstore16(0.0f, v, sums + (size_t)m * padded);

    const int last = min(images, (chunk + 1) * chunk_images);
    for (int n = chunk * chunk_images; n < last; n++) {
        for (int q0 = 0; q0 < qh; q0 += strip) {
            const int strip_rows = min(strip, qh - q0);
            gather_patch(patch, x + (size_t)n * h * w * cin, h, w, cin, q0 * in_stride + dy_min,
                         dx_min, patch_rows, patch_columns);
            global const float *from = g + ((size_t)n * qh + q0) * qw * cout + first;
            for (int p = 0; p < strip_rows * qw; p++, from += cout) {
                for (int v = 0; v < VECTORS; v++) {
                    float16 value;
                    if (first + 16 * v + 16 <= cout) {
                        value = vload16(v, from);
                    } else {
                        float s[16];
                        for (int i = 0; i < 16; i++)
                            s[i] = first + 16 * v + i < cout ? from[16 * v + i] : 0.0f;
                        value = vload16(0, s);
                    }
                    bias[v] += value;
                    vstore16(value, 0, panel + p * LANES + 16 * v);
                }
            }
            for (int m = 0; m < rows; m += ROWS) {
                int offset[ROWS];
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    const int row = min(m + r, rows - 1), t = row / cin;
                    offset[r] = (taps[3 * t] * patch_columns + taps[3 * t + 1]) * cin + row % cin;
                }
                float16 sum[ROWS][VECTORS];
#pragma unroll
                for (int r = 0; r < ROWS; r++)
#pragma unroll
                    for (int v = 0; v < VECTORS; v++)
                        sum[r][v] = 0.0f;
                local const float *gradient = panel;
                for (int row = 0; row < strip_rows; row++) {
                    local const float *value = patch + row * in_stride * patch_columns * cin;
                    for (int q = 0; q < qw; q++, value += in_stride * cin, gradient += LANES) {
                        float16 k[VECTORS];
#pragma unroll
                        for (int v = 0; v < VECTORS; v++)
                            k[v] = vload16(v, gradient);
#pragma unroll
                        for (int r = 0; r < ROWS; r++)
#pragma unroll
                            for (int v = 0; v < VECTORS; v++)
                                sum[r][v] = fma((float16)(value[offset[r]]), k[v], sum[r][v]);
                    }
                }
                for (int r = 0; r < ROWS && m + r < rows; r++) {
                    global float *to = sums + (size_t)(m + r) * padded;
                    for (int v = 0; v < VECTORS; v++)
                        vstore16(vload16(v, to) + sum[r][v], v, to);
                }
            }
        }
    }
    for (int v = 0; v < VECTORS; v++)
        vstore16(bias[v], v, sums + (size_t)rows * padded);
}
