/*
 * Outputs that blend to the mixture: the point nearest to z of all y with sum over k of w_k y_k = x and
 * 0 <= y_k <= 1, for each channel of each pixel. Built with SOURCES (2 to 4).
 *
 *   x  (pixels, channels): the mixture; values outside of what w allows count as the nearest that are not
 *   z, y, their gradients  (pixels, SOURCES * channels), a source's channels side by side
 */

/* Not clamp(), which would make a NaN a number. */
float limit(const float value, const float low, const float high)
{
    return value < low ? low : value > high ? high : value;
}

/* From z[] to y[], for one value of the mixture. */
void project(const float x, const float w[SOURCES], const float z[SOURCES], float y[SOURCES])
{
#if SOURCES == 2
    /* A line: nearest to z on it, then the ends of the piece that lies in the box. */
    const float norm = w[0] * w[0] + w[1] * w[1];
    const float free = z[0] + w[0] * ((x - w[0] * z[0] - w[1] * z[1]) / norm);
    y[0] = limit(free, limit((x - w[1]) / w[0], 0.0f, 1.0f), limit(x / w[0], 0.0f, 1.0f));
    y[1] = limit((x - w[0] * y[0]) / w[1], 0.0f, 1.0f);
#else
    /*
     * y_k = limit(z_k + t w_k, 0, 1), whose blend grows with t from 0 to all that w allows: piecewise
     * linear, with a bend where a source enters or leaves the box. Between the last bend at or below x
     * and the first above, t is on a straight line.
     */
    float low = -INFINITY, high = INFINITY, low_blend = 0.0f, high_blend = 0.0f;
    for (int bend = 0; bend < 2 * SOURCES; bend++) {
        const int k = bend >> 1;
        const float t = ((bend & 1) - z[k]) / w[k];
        float blend = 0.0f;
        for (int i = 0; i < SOURCES; i++)
            blend += w[i] * limit(z[i] + t * w[i], 0.0f, 1.0f);
        if (blend <= x && t > low) {
            low = t;
            low_blend = blend;
        }
        if (blend > x && t < high) {
            high = t;
            high_blend = blend;
        }
    }
    float t = isinf(low) ? high : low;
    if (!isinf(low) && !isinf(high))
        t = low + (high - low) * ((x - low_blend) / (high_blend - low_blend));
    float missing = x;
    for (int k = 0; k < SOURCES; k++) {
        y[k] = limit(z[k] + t * w[k], 0.0f, 1.0f);
        missing -= w[k] * y[k];
    }
    /* What rounding has left over, to whichever source has room for it. */
    for (int k = 0; k < SOURCES; k++) {
        const float before = y[k];
        y[k] = limit(before + missing / w[k], 0.0f, 1.0f);
        missing -= w[k] * (y[k] - before);
    }
#endif
}

#define READ_WEIGHTS(w)                                                                            \
    const float all_weights[4] = {weight_0, weight_1, weight_2, weight_3};                         \
    float w[SOURCES];                                                                              \
    for (int k = 0; k < SOURCES; k++)                                                              \
        w[k] = all_weights[k];

/* Item i: channel i % channels of pixel i / channels. count = pixels * channels. */
kernel void consistent_forward(global const float *z, global const float *x, global float *y,
                               int count, int channels, float weight_0, float weight_1,
                               float weight_2, float weight_3)
{
    const int i = get_global_id(0);
    if (i >= count)
        return;
    READ_WEIGHTS(w)
    const size_t first = (size_t)(i / channels) * SOURCES * channels + i % channels;
    float all = 0.0f, free[SOURCES], found[SOURCES];
    for (int k = 0; k < SOURCES; k++) {
        all += w[k];
        free[k] = z[first + (size_t)k * channels];
    }
    project(limit(x[i], 0.0f, all), w, free, found);
    for (int k = 0; k < SOURCES; k++)
        y[first + (size_t)k * channels] = found[k];
}

#ifndef INFERENCE

/*
 * Straight through the box: the gradient of the projection onto sum w_k y_k = x alone, which is
 * dz = g - w (w . g) / (w . w) and dx = (w . g) / (w . w). What the box holds back thus still learns
 * which way to go, and dz is 0 where g is. dz may be g itself. write_dz and write_dx: 0 if unwanted (then
 * any buffer), 1 to overwrite, 2 to add to.
 */
kernel void consistent_backward(global const float *g, global float *dz, global float *dx,
                                int count, int channels, float weight_0, float weight_1,
                                float weight_2, float weight_3, int write_dz, int write_dx)
{
    const int i = get_global_id(0);
    if (i >= count)
        return;
    READ_WEIGHTS(w)
    const size_t first = (size_t)(i / channels) * SOURCES * channels + i % channels;
    float along = 0.0f, norm = 0.0f, gradient[SOURCES];
    for (int k = 0; k < SOURCES; k++) {
        gradient[k] = g[first + (size_t)k * channels];
        along += w[k] * gradient[k];
        norm += w[k] * w[k];
    }
    along /= norm;
    for (int k = 0; k < SOURCES && write_dz; k++) {
        const size_t at = first + (size_t)k * channels;
        const float value = gradient[k] - w[k] * along;
        dz[at] = write_dz == 2 ? dz[at] + value : value;
    }
    if (write_dx)
        dx[i] = write_dx == 2 ? dx[i] + along : along;
}

#endif
