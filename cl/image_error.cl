/* errors[n] = sum over image n of (prediction - truth)^2; item n, pixels values an image. */
kernel void image_error(global const float *prediction, global const float *truth,
                        global float *errors, int pixels, int images)
{
    const int n = get_global_id(0);
    if (n >= images)
        return;
    float sum = 0.0f;
    for (int i = 0; i < pixels; i++) {
        const float d = prediction[(size_t)n * pixels + i] - truth[(size_t)n * pixels + i];
        sum = fma(d, d, sum);
    }
    errors[n] = sum;
}
