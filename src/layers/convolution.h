/*
 * Convolution: the arithmetic that conv2d and conv2d_transpose share.
 *
 * A convolution maps a big side x (N, H, W, cin) to a small side y (N, OH, OW, cout) with weights
 * (K, K, cin, cout), stride s and Keras' 'same' padding: OH = ceil(H / s), and of the padding that
 * takes, half (rounded down) comes before. conv2d runs it forward and its adjoint backward;
 * conv2d_transpose, being the gradient of a strided convolution, the other way round.
 *
 * Three methods compute it: direct.c any convolution, in both kernel families; in the vector family
 * also winograd.c 3 x 3 with stride 1 and channels in multiples of 16, and narrow.c stride 1 with few
 * output channels. Each direction has its own.
 */
#ifndef LAYERS_CONVOLUTION_H
#define LAYERS_CONVOLUTION_H

#include "layers/geometry.h"
#include "layers/views.h"
#include "nn/layer.h"

typedef struct direction {
    bool adjoint;
    shape in, out;
    enum convolution_method { METHOD_DIRECT, METHOD_NARROW, METHOD_WINOGRAD } method;
    kernel *convolve, *pack; /* pack: NULL where weights are read as they are */
    int strip;               /* rows of outputs that an item takes: direct and narrow */
    bool tiled;              /* direct: kernels of the tiled family; else vector */
    geometry geometry;       /* direct */
    int kernel;              /* narrow */
    int block;               /* tiles that an item takes: Winograd's */
} direction;

typedef struct convolution {
    shape x, y;
    int kernel, stride, pad_y, pad_x;
    direction forward, adjoint;
    struct weight_gradient {
        enum convolution_method method;
        kernel *sum, *reduce;
        int chunks;        /* partial sums */
        bool tiled;        /* of the direct method, */
        geometry geometry; /* that of the forward direction */
        int block;         /* of Winograd's: tiles that an item takes */
    } gradient;
} convolution;

/* Sizes; y follows from x. stride 1 or 2, kernel odd and at most 15. Nothing is
 * allocated. */
int convolution_shape(convolution *c, shape x, int cout, int kernel, int stride);

/* Kernels and taps of what will be run. */
enum convolution_parts {
    CONVOLUTION_FORWARD = 1,
    CONVOLUTION_ADJOINT = 2,
    CONVOLUTION_GRADIENT = 4
};
int convolution_prepare(convolution *c, device *d, unsigned parts);
void convolution_release(convolution *c);

/* Floats that packed weights take for a direction, and partial sums for the weight gradient. d may
 * be NULL: then those of a CPU. */
size_t convolution_packed_floats(const convolution *c, const device *d, bool adjoint);
size_t convolution_partial_floats(const convolution *c, const device *d);

/* Rearranges weights (K, K, cin, cout) into packed, as convolution_run() wants them. Does nothing
 * for the tiled kernels, which read weights as they are. */
int convolution_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed);

/* out = bias + dir(in), or added to out. bias may be NULL. */
int convolution_run(const direction *dir, device *d, view in, cl_mem weights, cl_mem packed,
                    cl_mem bias, sink out);

/* dweights (K, K, cin, cout) from x and g, the gradient of y; dbias (cout) = sums of g, or NULL.
 * partial is scratch. The sums are taken in a fixed order. deferred: NULL, or how g is to be finished
 * first, if convolution_finishes_gradient(). */
int convolution_weight_gradient(const convolution *c, device *d, view x, view g,
                                const gradient_view *deferred, cl_mem dweights, cl_mem dbias,
                                cl_mem partial);
bool convolution_finishes_gradient(const convolution *c, const device *d);

/* Of layer_type.reach: which pixels of the small side a span of the big side's is computed from if adjoint, else
 * which of the big side's a span of the small side's. */
span convolution_reach(const convolution *c, bool adjoint, span output);

#endif
