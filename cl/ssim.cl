/*
 * Structural similarity of square images of SIDE x SIDE values between 0 and 1 (Wang et al. 2004):
 * windows of 11 x 11 under a Gaussian of deviation 1.5, at all places where they lie inside.
 *
 * Item i sums the windows of one row of places: of image i / PLACES, row i % PLACES. It weighs the
 * image's columns first, then along the row; so each column is weighed once for all its windows.
 */
#define WINDOW 11
#define PLACES (SIDE - WINDOW + 1)
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

static moments weigh_column(global const float *x, global const float *y)
{
    moments m = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
    for (int k = 0; k < WINDOW; k++) {
        const float vx = x[k * SIDE], vy = y[k * SIDE], wx = gaussian[k] * vx, wy = gaussian[k] * vy;
        m.x += wx;
        m.y += wy;
        m.xx = fma(wx, vx, m.xx);
        m.yy = fma(wy, vy, m.yy);
        m.xy = fma(wx, vy, m.xy);
    }
    return m;
}

kernel void ssim_rows(global const float *x, global const float *y, /* (images, SIDE, SIDE) */
                      global float *sums,                           /* (images, PLACES) */
                      int images)
{
    const int item = get_global_id(0), image = item / PLACES, row = item % PLACES;
    if (image >= images)
        return;
    const size_t start = ((size_t)image * SIDE + row) * SIDE;
    moments columns[SIDE];
    for (int i = 0; i < SIDE; i++)
        columns[i] = weigh_column(x + start + i, y + start + i);

    float sum = 0.0f;
    for (int place = 0; place < PLACES; place++) {
        moments m = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
        for (int k = 0; k < WINDOW; k++) {
            const moments c = columns[place + k];
            m.x = fma(gaussian[k], c.x, m.x);
            m.y = fma(gaussian[k], c.y, m.y);
            m.xx = fma(gaussian[k], c.xx, m.xx);
            m.yy = fma(gaussian[k], c.yy, m.yy);
            m.xy = fma(gaussian[k], c.xy, m.xy);
        }
        sum += similarity(m);
    }
    sums[item] = sum;
}
