/*
 * Keras MeanSquaredError of each source over prediction and truth (pixels, sources * channels), and its
 * gradient. A source's channels lie side by side.
 */

/* partial[i * sources + k] = sum of (p - t)^2 of source k over span i of pixels; item (k, i). */
kernel void squared_error_of_spans(global const float *prediction, global const float *truth,
                                   global float *partial, int pixels, int sources, int channels,
                                   int span)
{
    const int k = get_global_id(0), i = get_global_id(1);
    const int first = i * span, last = min(pixels, first + span), stride = sources * channels;
    float sum = 0.0f;
    for (int p = first; p < last; p++)
        for (int c = 0; c < channels; c++) {
            const size_t at = (size_t)p * stride + k * channels + c;
            const float d = prediction[at] - truth[at];
            sum = fma(d, d, sum);
        }
    partial[i * sources + k] = sum;
}

/* loss[k] of source k; values: of one source. Item k. */
kernel void mean_of_spans(global const float *partial, global float *loss, int spans, int sources,
                          float values)
{
    const int k = get_global_id(0);
    float sum = 0.0f;
    for (int i = 0; i < spans; i++)
        sum += partial[i * sources + k];
    loss[k] = sum / values;
}

/* Of the sources' losses, source k's times weight_k, added up. Item i: a value of prediction. */
kernel void squared_error_backward(global const float *prediction, global const float *truth,
                                   global float *dprediction, int count, int sources, int channels,
                                   float weight_0, float weight_1, float weight_2, float weight_3,
                                   int accumulate)
{
    const int i = get_global_id(0);
    if (i >= count)
        return;
    const int k = i / channels % sources;
    const float weight = k == 0 ? weight_0 : k == 1 ? weight_1 : k == 2 ? weight_2 : weight_3;
    const float value = 2.0f / (count / sources) * (prediction[i] - truth[i]) * weight;
    dprediction[i] = accumulate ? dprediction[i] + value : value;
}
