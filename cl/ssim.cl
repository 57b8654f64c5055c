/*
 * Structural similarity of images of values between 0 and 1, each channel by itself (Wang et al.
 * 2004): windows of 11 x 11 under a Gaussian of deviation 1.5, at all places where they lie inside.
 *
 * An item sums the windows of one row of places of one channel. It weighs the image's columns
 * first, then along the row: each column is weighed once for all its windows, the last 11 are kept.
 */
#define WINDOW 11
#define C1 1e-4f /* (0.01 * range)^2 */
#define C2 9e-4f /* (0.03 * range)^2 */

constant float gaussian[WINDOW] = {0.00102838008f, 0.00759875814f, 0.0360007721f, 0.10936069f,
                                   0.213005538f,   0.266011725f,   0.213005538f,  0.10936069f,
                                   0.0360007721f,  0.00759875814f, 0.00102838008f};

/* Weighted means over a window, or a column of it: of x, y, x * x, y * y, x * y. */
typedef struct moments {
    float x, y, xx, yy, xy;
} moments;

static float similarity(moments m)
{
    const float xx = m.x * m.x, yy = m.y * m.y, xy = m.x * m.y;
    return (2.0f * xy + C1) * (2.0f * (m.xy - xy) + C2) /
           ((xx + yy + C1) * ((m.xx - xx) + (m.yy - yy) + C2));
}

/* x and y point to the column's first values, `next` values apart from those below them. */
static moments weigh_column(global const float *x, global const float *y, int next)
{
    moments m = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
    for (int k = 0; k < WINDOW; k++) {
        const float vx = x[(size_t)k * next], vy = y[(size_t)k * next];
        const float wx = gaussian[k] * vx, wy = gaussian[k] * vy;
        m.x += wx;
        m.y += wy;
        m.xx = fma(wx, vx, m.xx);
        m.yy = fma(wy, vy, m.yy);
        m.xy = fma(wx, vy, m.xy);
    }
    return m;
}

static moments weigh_row(const moments *columns)
{
    moments m = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
    for (int k = 0; k < WINDOW; k++) {
        const moments c = columns[k];
        m.x = fma(gaussian[k], c.x, m.x);
        m.y = fma(gaussian[k], c.y, m.y);
        m.xx = fma(gaussian[k], c.xx, m.xx);
        m.yy = fma(gaussian[k], c.yy, m.yy);
        m.xy = fma(gaussian[k], c.xy, m.xy);
    }
    return m;
}

/*
 *   x, y    (images, height, width, channels), both sides at least WINDOW
 *   sums    (images, channels, height - WINDOW + 1), an item each
 */
kernel void ssim_rows(global const float *x, global const float *y, global float *sums, int images,
                      int height, int width, int channels)
{
    const int item = get_global_id(0), rows = height - WINDOW + 1;
    const int row = item % rows, channel = item / rows % channels, image = item / rows / channels;
    if (image >= images)
        return;
    const size_t start = ((size_t)image * height + row) * width * channels + channel;
    moments columns[WINDOW]; /* the last is column i */
    float sum = 0.0f;
    for (int i = 0; i < width; i++) {
        const size_t at = start + (size_t)i * channels;
        for (int k = 1; k < WINDOW; k++)
            columns[k - 1] = columns[k];
        columns[WINDOW - 1] = weigh_column(x + at, y + at, width * channels);
        if (i >= WINDOW - 1)
            sum += similarity(weigh_row(columns));
    }
    sums[item] = sum;
}
