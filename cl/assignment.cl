/*
 * The order of a picture's true sources in which they are nearest to what a network gave: of all orders the one
 * with the smallest sum of squared errors. Of K = `sources` (at most 4).
 *
 *   output, truth, arranged  (images, pixels, K * channels), a source's channels side by side
 *   errors  (images, spans, K * K): place k * K + j is for output k and truth j. The first value of each image
 *           becomes its order: the number whose digits, in base 4, are the truths for output 0, 1, ...
 */

/* The squared errors of one pair over a span of an image's pixels. Item: a value of errors. */
kernel void pair_errors_of_spans(global const float *output, global const float *truth,
                                 global float *errors, int images, int pixels, int sources,
                                 int channels, int spans, int span)
{
    const int i = get_global_id(0), pairs = sources * sources;
    if (i >= images * spans * pairs)
        return;
    const int pair = i % pairs, place = i / pairs % spans, image = i / pairs / spans;
    const int first = place * span, last = min(pixels, first + span), stride = sources * channels;
    const size_t start = (size_t)image * pixels * stride;
    global const float *x = output + start + pair / sources * channels;
    global const float *y = truth + start + pair % sources * channels;
    float sum = 0.0f;
    for (int p = first; p < last; p++)
        for (int c = 0; c < channels; c++) {
            const float d = x[(size_t)p * stride + c] - y[(size_t)p * stride + c];
            sum = fma(d, d, sum);
        }
    errors[i] = sum;
}

/* The truth that an order has for output k. */
int truth_of(const int order, const int k, const int sources)
{
    return order >> 2 * (sources - 1 - k) & 3;
}

bool has_each_once(const int order, const int sources)
{
    int met = 0;
    for (int k = 0; k < sources; k++)
        met |= 1 << truth_of(order, k, sources);
    return met == (1 << sources) - 1;
}

/*
 * Of equal orders the first, as their numbers grow: 0 1 2 before 0 2 1. Where the errors are not numbers, the
 * first of all. Item: an image.
 */
kernel void choose_orders(global float *errors, int images, int sources, int spans)
{
    const int image = get_global_id(0), pairs = sources * sources;
    if (image >= images)
        return;
    global float *own = errors + (size_t)image * spans * pairs;
    float sums[16], least = 0.0f;
    int best = -1;
    for (int pair = 0; pair < pairs; pair++)
        sums[pair] = 0.0f;
    for (int i = 0; i < spans * pairs; i++)
        sums[i % pairs] += own[i];
    for (int order = 0; order < 1 << 2 * sources; order++) {
        if (!has_each_once(order, sources))
            continue;
        float sum = 0.0f;
        for (int k = 0; k < sources; k++)
            sum += sums[k * sources + truth_of(order, k, sources)];
        if (best < 0 || sum < least) {
            best = order;
            least = sum;
        }
    }
    own[0] = best;
}

/* arranged may be truth itself. Item: a channel of a pixel, of all sources. */
kernel void arrange_sources(global const float *truth, global const float *errors,
                            global float *arranged, int images, int pixels, int sources,
                            int channels, int spans)
{
    const int i = get_global_id(0);
    if (i >= images * pixels * channels)
        return;
    const int image = i / channels / pixels;
    const int order = (int)errors[(size_t)image * spans * sources * sources];
    const size_t first = (size_t)(i / channels) * sources * channels + i % channels;
    float values[4];
    for (int k = 0; k < sources; k++)
        values[k] = truth[first + (size_t)truth_of(order, k, sources) * channels];
    for (int k = 0; k < sources; k++)
        arranged[first + (size_t)k * channels] = values[k];
}
