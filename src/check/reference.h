/*
 * Every layer in plain C and double precision, written as its definition reads: what `unblend
 * selftest` and the tests compare the OpenCL kernels with. Not fast, and not used to train.
 *
 * Conventions, so that the functions below need not repeat them:
 *  - Tensors are dense arrays, last axis fastest: images (N, H, W, C), tokens (N, T, H, D). Every
 *    size is at least 1. "(R, C)" is any tensor seen as R rows of C channels, R = N * H * W.
 *  - g is the gradient of the loss by the layer's output, shaped like y; dx is the gradient by x,
 *    shaped like x. Outputs are overwritten, never added to, and must not overlap inputs.
 *  - Where a backward has several gradient outputs, those not wanted may be NULL.
 *  - Nothing is allocated, so nothing can fail; all arrays belong to the caller.
 *  - Names carry reference_ because the layers themselves own the plain words.
 */
#ifndef CHECK_REFERENCE_H
#define CHECK_REFERENCE_H

#include <stddef.h>

/* An image tensor (N, H, W, C). */
struct reference_image {
    int n, h, w, c;
};

/* Rows of channels (R, C). */
struct reference_rows {
    size_t rows, channels;
};

/* ---- Convolutions: ref_conv.c ---- */

/* For conv2d h and w are the input's and stride is 1 or 2; for conv2d_transpose see there. */
struct reference_conv {
    int n, h, w;   /* input: (N, H, W, Ci) */
    int cin, cout; /* Ci, Co */
    int kernel;    /* K, odd */
    int stride;
};

/* Keras 'same' padding along one axis: the output has ceil(size / stride) places, and of the
 * padding they need, half (rounded down) lies before the first element and the rest after. */
int reference_same_size(int size, int stride);
int reference_same_padding_before(int size, int kernel, int stride);

/*
 * Keras Conv2D, padding 'same': y = bias + sum over the K x K window of x * kernel.
 * x (N, H, W, Ci), kernel (K, K, Ci, Co), bias (Co) or NULL, y (N, ceil(H/stride),
 * ceil(W/stride), Co).
 */
void reference_conv2d_forward(const struct reference_conv *shape, const double *x,
                              const double *kernel, const double *bias, double *y);
void reference_conv2d_backward(const struct reference_conv *shape, const double *x,
                               const double *kernel, const double *g, double *dx, double *dkernel,
                               double *dbias);

/*
 * Keras Conv2DTranspose, padding 'same': the gradient by its input of the Conv2D that takes
 * (N, stride*H, stride*W, Co) to (N, H, W, Ci). For K = 3 and stride 2 that is
 * y[2 * i + k] += x[i] * kernel[k] along each axis, what falls behind the end being dropped.
 * x (N, H, W, Ci), kernel (K, K, Co, Ci), bias (Co) or NULL, y (N, stride*H, stride*W, Co).
 */
void reference_conv2d_transpose_forward(const struct reference_conv *shape, const double *x,
                                        const double *kernel, const double *bias, double *y);
void reference_conv2d_transpose_backward(const struct reference_conv *shape, const double *x,
                                         const double *kernel, const double *g, double *dx,
                                         double *dkernel, double *dbias);

/* ---- Batch normalisation: ref_norm.c ---- */

/*
 * Keras BatchNormalization (Ioffe and Szegedy 2015) with epsilon 1e-3, momentum 0.99.
 * x, y (R, C); gamma, beta, moving_mean, moving_variance (C).
 * Training: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta with the batch's own mean and
 * biased variance, and moving = 0.99 * moving + 0.01 * batch for both (also biased).
 * Inference: the same formula with the moving statistics.
 * Backward is that of training, through mean and variance; both are computed again from x.
 */
void reference_batch_norm_forward(const struct reference_rows *shape, const double *x,
                                  const double *gamma, const double *beta, double *moving_mean,
                                  double *moving_variance, double *y);
void reference_batch_norm_backward(const struct reference_rows *shape, const double *x,
                                   const double *gamma, const double *g, double *dx, double *dgamma,
                                   double *dbeta);
void reference_batch_norm_inference(const struct reference_rows *shape, const double *x,
                                    const double *gamma, const double *beta,
                                    const double *moving_mean, const double *moving_variance,
                                    double *y);

/* dx of inference, where the statistics are constants: that of a frozen norm. */
void reference_batch_norm_frozen_backward(const struct reference_rows *shape, const double *gamma,
                                          const double *moving_variance, const double *g,
                                          double *dx);

/* ---- Activations, pooling, joins, loss, optimizer: ref_simple.c ---- */

/*
 * Keras activations, element by element over count values. All four backwards read the output y,
 * not x. At 0 relu has slope 0 and leaky_relu (slope 0.2 below 0)
 * has slope 0.2, as in TensorFlow.
 */
void reference_relu_forward(size_t count, const double *x, double *y);
void reference_relu_backward(size_t count, const double *y, const double *g, double *dx);
void reference_leaky_relu_forward(size_t count, const double *x, double *y);
void reference_leaky_relu_backward(size_t count, const double *y, const double *g, double *dx);
void reference_sigmoid_forward(size_t count, const double *x, double *y);
void reference_sigmoid_backward(size_t count, const double *y, const double *g, double *dx);
void reference_tanh_forward(size_t count, const double *x, double *y);
void reference_tanh_backward(size_t count, const double *y, const double *g, double *dx);

/*
 * Keras MaxPooling2D 2x2, stride 2, padding 'valid': an odd last row or column is left out.
 * x (N, H, W, C) -> y (N, H/2, W/2, C). On ties the first maximum in row-major order takes the
 * whole gradient.
 */
void reference_max_pool_forward(const struct reference_image *shape, const double *x, double *y);
void reference_max_pool_backward(const struct reference_image *shape, const double *x,
                                 const double *g, double *dx);

/* Keras Concatenate on the last axis: a (R, Ca), b (R, Cb) -> y (R, Ca + Cb), a's channels first. */
void reference_concat_forward(size_t rows, size_t a_channels, size_t b_channels, const double *a,
                              const double *b, double *y);
void reference_concat_backward(size_t rows, size_t a_channels, size_t b_channels, const double *g,
                               double *da, double *db);

/* Keras Add: y = a + b over count values; both gradients are g. */
void reference_add_forward(size_t count, const double *a, const double *b, double *y);
void reference_add_backward(size_t count, const double *g, double *da, double *db);

/* Gated linear unit: x (rows, 2 * channels), a and then b; y (rows, channels) = a * sigmoid(b). */
void reference_gate_forward(size_t rows, size_t channels, const double *x, double *y);
void reference_gate_backward(size_t rows, size_t channels, const double *x, const double *g,
                             double *dx);

/* Keras MeanSquaredError: the mean over all count elements of (p - t)^2; dp is its gradient. */
/* p and t: (pixels, sources, channels). losses: the mean of (p - t)^2 of each source. */
struct reference_mse {
    size_t pixels, sources, channels;
    const float *weights; /* of the losses in what the gradient is of; NULL: 1 */
};
void reference_mse_forward(const struct reference_mse *m, const double *p, const double *t,
                           double *losses);
void reference_mse_backward(const struct reference_mse *m, const double *p, const double *t,
                            double *dp);

/* The truths (images, pixels, sources * channels) with each image's sources in the order whose sum of squared
 * errors, beside the output, is the smallest; of equal ones the first. */
struct reference_assignment {
    size_t images, pixels, sources, channels;
};
void reference_assignment_forward(const struct reference_assignment *shape, const double *output,
                                  const double *truth, double *arranged);

/*
 * One step of Keras' Adam (Kingma and Ba 2015, the form before section 2.1):
 * rate = learning_rate * sqrt(1 - beta2^step) / (1 - beta1^step), p -= rate * m / (sqrt(v) +
 * epsilon). Keras: beta1 0.9, beta2 0.999, epsilon 1e-7; step counts from 1. All arrays have
 * count values; p, m and v are updated in place.
 */
struct reference_adam {
    double learning_rate, beta1, beta2, epsilon;
    long step;
};
void reference_adam_step(const struct reference_adam *options, size_t count, const double *gradient,
                         double *p, double *m, double *v);

/* ---- Transformer: ref_transformer.c ---- */

/* Keras Dense: y = x * kernel + bias. x (R, Ci), kernel (Ci, Co), bias (Co) or NULL, y (R, Co). */
struct reference_dense {
    size_t rows, cin, cout;
};
void reference_dense_forward(const struct reference_dense *shape, const double *x,
                             const double *kernel, const double *bias, double *y);
void reference_dense_backward(const struct reference_dense *shape, const double *x,
                              const double *kernel, const double *g, double *dx, double *dkernel,
                              double *dbias);

/*
 * Keras LayerNormalization over the last axis (Ba, Kiros, Hinton 2016) with epsilon 1e-6:
 * y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, biased variance of each row.
 * x, y (R, C); gamma, beta (C). Backward computes mean and variance again from x.
 */
void reference_layer_norm_forward(const struct reference_rows *shape, const double *x,
                                  const double *gamma, const double *beta, double *y);
void reference_layer_norm_backward(const struct reference_rows *shape, const double *x,
                                   const double *gamma, const double *g, double *dx, double *dgamma,
                                   double *dbeta);

/* Keras Softmax over the last axis: y = exp(x) / sum of exp(x) in each row. x, y (R, C).
 * Backward reads the output y. */
void reference_softmax_forward(const struct reference_rows *shape, const double *x, double *y);
void reference_softmax_backward(const struct reference_rows *shape, const double *y,
                                const double *g, double *dx);

/*
 * The core of Keras MultiHeadAttention (Vaswani et al. 2017), between its projections: for each
 * image and head y = softmax(q * transposed k / sqrt(D)) * v.
 * q, k, v, y (N, T, H, D); weights (N, H, T, T), written by forward and read by backward: the
 * softmax of token t's scores over all tokens.
 */
struct reference_attention {
    size_t n, tokens, heads, depth; /* N, T, H, D */
};
void reference_attention_forward(const struct reference_attention *shape, const double *q,
                                 const double *k, const double *v, double *weights, double *y);
void reference_attention_backward(const struct reference_attention *shape, const double *q,
                                  const double *k, const double *v, const double *weights,
                                  const double *g, double *dq, double *dk, double *dv);

/* ---- The parts of CBAM (Woo et al. 2018): ref_cbam.c ---- */

/*
 * Keras GlobalAveragePooling2D and GlobalMaxPooling2D: x (N, H, W, C) -> y (N, C).
 * On ties the first maximum in row-major order takes the whole gradient of max (TensorFlow would
 * share it out evenly).
 */
void reference_global_average_forward(const struct reference_image *shape, const double *x,
                                      double *y);
void reference_global_average_backward(const struct reference_image *shape, const double *g,
                                       double *dx);
void reference_global_max_forward(const struct reference_image *shape, const double *x, double *y);
void reference_global_max_backward(const struct reference_image *shape, const double *x,
                                   const double *g, double *dx);

/*
 * reduce_mean and reduce_max over the channels of each pixel: x (R, C) -> y (R, 1). On ties the
 * lowest channel takes the whole gradient of max.
 */
void reference_channel_mean_forward(const struct reference_rows *shape, const double *x, double *y);
void reference_channel_mean_backward(const struct reference_rows *shape, const double *g,
                                     double *dx);
void reference_channel_max_forward(const struct reference_rows *shape, const double *x, double *y);
void reference_channel_max_backward(const struct reference_rows *shape, const double *x,
                                    const double *g, double *dx);

/* Keras Multiply of x (N, H, W, C) with one factor per image and channel, (N, C). */
void reference_scale_channels_forward(const struct reference_image *shape, const double *x,
                                      const double *factor, double *y);
void reference_scale_channels_backward(const struct reference_image *shape, const double *x,
                                       const double *factor, const double *g, double *dx,
                                       double *dfactor);

/* Keras Multiply of x (R, C) with one factor per pixel, (R, 1). */
void reference_scale_pixels_forward(const struct reference_rows *shape, const double *x,
                                    const double *factor, double *y);
void reference_scale_pixels_backward(const struct reference_rows *shape, const double *x,
                                     const double *factor, const double *g, double *dx,
                                     double *dfactor);

/* ---- Sources that blend to the mixture: ref_consistent.c ---- */

/* K sources of C channels each, in rows (R, K * C); their mixture (R, C) is the sum of weights[k] times
 * source k. Weights (K) are above 0. */
struct reference_mixture {
    size_t rows, channels, sources;
    const double *weights;
};

/*
 * The y (R, K * C) nearest to z among all whose mixture is x and whose values are in 0..1. An x that no
 * such y has counts as the nearest x that one has. Found by bisection: y_k = clamp(z_k + t * w_k), whose
 * mixture grows with t.
 * Backward is that without the limits 0 and 1: dz = g - w * (w . g) / (w . w), dx (R, C) =
 * (w . g) / (w . w). Where no y lies at a limit it is the derivative.
 */
void reference_consistent_forward(const struct reference_mixture *shape, const double *z,
                                  const double *x, double *y);
void reference_consistent_backward(const struct reference_mixture *shape, const double *g,
                                   double *dz, double *dx);

#endif
