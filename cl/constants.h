/* Constants that kernels and host must agree on: one text for OpenCL C and for the host. */
#ifndef CONSTANTS_H
#define CONSTANTS_H

/* Two tensors side by side, and anything a batch norm has left to do, come with channels in
 * multiples of this: a vector of CPU kernels lies in one of them. */
#define CHANNELS_UNIT 16

/* What a batch norm keeps of its channels, (MOMENT_ROWS, channels): mean, 1 / deviation, and what
 * follows from them and gamma and beta: act(x * scale + shift) is the norm's output. */
#define MOMENT_MEAN 0
#define MOMENT_INVERSE 1
#define MOMENT_SCALE 2
#define MOMENT_SHIFT 3
#define MOMENT_ROWS 4

/* Items of a GPU's work-group that reduce a row of channels together (rows.h). */
#define ROW_GROUP_ITEMS 32

/* What -DACTIVATION chooses (activate.h). */
#define ACTIVATION_LINEAR 0
#define ACTIVATION_RELU 1
#define ACTIVATION_LEAKY_RELU 2 /* slope 0.2 below zero */
#define ACTIVATION_SIGMOID 3
#define ACTIVATION_TANH 4

#endif
