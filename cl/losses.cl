/*
 * At the end of a training step: gathers what the host wants to know of it into report (3): the
 * losses of both sources, and status[0], the first step (counted from 1) with a loss or gradient
 * that is not finite; 0 while there is none. The optimizer (adam.cl) leaves everything as it is from
 * that step on. One item.
 */
kernel void report_losses(global const float *loss_a, global const float *loss_b,
                          global float *report, global int *status, int step)
{
    if (!isfinite(*loss_a + *loss_b) && !status[0])
        status[0] = step;
    report[0] = *loss_a;
    report[1] = *loss_b;
    report[2] = status[0];
}
