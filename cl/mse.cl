/* Keras MeanSquaredError over all count elements, and its gradient. */

/* partial[i] = sum of (p - t)^2 over span i. */
kernel void squared_error_of_spans(global const float *prediction, global const float *truth,
                                   global float *partial, int count, int span)
{
    const int first = get_global_id(0) * span, last = min(count, first + span);
    float sum = 0.0f;
    for (int i = first; i < last; i++) {
        const float d = prediction[i] - truth[i];
        sum = fma(d, d, sum);
    }
    partial[get_global_id(0)] = sum;
}

kernel void mean_of_spans(global const float *partial, global float *loss, int spans, int count)
{
    float sum = 0.0f;
    for (int i = 0; i < spans; i++)
        sum += partial[i];
    *loss = sum / count;
}

kernel void squared_error_backward(global const float *prediction, global const float *truth,
                                   global float *dprediction, int count, int accumulate)
{
    const int i = get_global_id(0);
    if (i >= count)
        return;
    const float value = 2.0f / count * (prediction[i] - truth[i]);
    dprediction[i] = accumulate ? dprediction[i] + value : value;
}
