/*
 * At the end of a training step: gathers what the host wants to know of it into report
 * (sources + 1): the loss of each source, and status[0], the first step (counted from 1) with a loss or
 * gradient that is not finite; 0 while there is none. The optimizer (adam.cl) leaves everything as it is
 * from that step on. One item.
 */
kernel void report_losses(global const float *losses, int sources, global float *report,
                          global int *status, int step)
{
    float sum = 0.0f;
    for (int k = 0; k < sources; k++) {
        report[k] = losses[k];
        sum += losses[k];
    }
    if (!isfinite(sum) && !status[0])
        status[0] = step;
    report[sources] = status[0];
}
