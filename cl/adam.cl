/*
 * Adam (Kingma and Ba 2015) in Keras' form: p -= rate * m / (sqrt(v) + epsilon), where rate already
 * holds the bias corrections. Item: a parameter value.
 *
 * status: [0] is the first step whose loss was not finite, 0 while there is none. From then on
 * nothing moves, so that the parameters stay those of the last good step.
 */
kernel void adam(global float *values, global const float *gradients, global float *first_moment,
                 global float *second_moment, global const int *status, float rate,
                 float one_less_beta1, float one_less_beta2, float epsilon, int count)
{
    const int i = get_global_id(0);
    if (i >= count || status[0])
        return;
    const float g = gradients[i];
    const float m = first_moment[i] + (g - first_moment[i]) * one_less_beta1;
    const float v = second_moment[i] + (g * g - second_moment[i]) * one_less_beta2;
    first_moment[i] = m;
    second_moment[i] = v;
    values[i] -= rate * m / (sqrt(v) + epsilon);
}
