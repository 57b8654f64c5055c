/* Winograd's method of convolution.h (cl/winograd.cl): 3 x 3, stride 1, channels in multiples of 16. */
#ifndef LAYERS_WINOGRAD_H
#define LAYERS_WINOGRAD_H

#include "layers/convolution.h"

/* Whether the method can compute a direction with so many channels on its sides, and the weight
 * gradient, and is worth it. d may be NULL: then a CPU. */
bool winograd_fits(const convolution *c, const device *d, int in_channels, int out_channels);
bool winograd_gradient_fits(const convolution *c, const device *d);

int winograd_prepare(direction *dir, device *d);
size_t winograd_packed_floats(int in_channels, int out_channels);
int winograd_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed);
int winograd_run(const direction *dir, device *d, view in, cl_mem packed, cl_mem bias, sink out);

int winograd_gradient_prepare(convolution *c, device *d);
size_t winograd_partial_floats(const convolution *c, const device *d);
/* Finishes g if need be. */
int winograd_weight_gradient(const convolution *c, device *d, view x, gradient_view g,
                             cl_mem dweights, cl_mem dbias, cl_mem partial);

#endif
