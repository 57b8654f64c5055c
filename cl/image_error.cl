/*
 * errors[n * sources + k] = sum of (prediction - truth)^2 over source k of image n. Both are (images,
 * pixels, sources * channels), a source's channels side by side; item n * sources + k.
 */
kernel void image_error(global const float *prediction, global const float *truth,
                        global float *errors, int images, int pixels, int sources, int channels)
{
    const int i = get_global_id(0);
    if (i >= images * sources)
        return;
    const int n = i / sources, k = i % sources, stride = sources * channels;
    float sum = 0.0f;
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++) {
            const size_t at = ((size_t)n * pixels + p) * stride + k * channels + c;
            const float d = prediction[at] - truth[at];
            sum = fma(d, d, sum);
        }
    errors[i] = sum;
}
