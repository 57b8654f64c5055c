/*
 * After a training step's forward: gathers the losses of both sources into losses (2), and notes in
 * status[0] the first step (counted from 1) whose loss is not finite; 0 while there is none. The
 * optimizer (adam.cl) leaves everything as it is from that step on. One item.
 */
kernel void gather_losses(global const float *loss_a, global const float *loss_b,
                          global float *losses, global int *status, int step)
{
    losses[0] = *loss_a;
    losses[1] = *loss_b;
    if (!isfinite(*loss_a + *loss_b) && !status[0])
        status[0] = step;
}
