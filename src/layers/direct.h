/* The direct method of convolution.h: any kernel size, stride and number of channels. */
#ifndef LAYERS_DIRECT_H
#define LAYERS_DIRECT_H

#include "layers/convolution.h"

/* in, out and adjoint of the direction are set. */
int direct_prepare(const convolution *c, direction *dir, device *d);
void direct_release(direction *dir);
size_t direct_packed_floats(int taps, int in_channels, int out_channels, const device *d);
int direct_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed);
int direct_run(const direction *dir, device *d, view in, cl_mem weights, cl_mem packed, cl_mem bias,
               sink out);

int direct_gradient_prepare(convolution *c, device *d);
void direct_gradient_release(convolution *c);
size_t direct_partial_floats(const convolution *c, const device *d);
int direct_weight_gradient(const convolution *c, device *d, view x, view g, cl_mem dweights,
                           cl_mem dbias, cl_mem partial);

#endif
