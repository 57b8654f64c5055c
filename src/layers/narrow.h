/* The narrow method of convolution.h (cl/convolution_narrow.cl): stride 1, 1 to 4 output channels. */
#ifndef LAYERS_NARROW_H
#define LAYERS_NARROW_H

#include "layers/convolution.h"

/* Whether the method can compute a direction with so many channels on its sides. d may be NULL: then a
 * CPU. */
bool narrow_fits(const convolution *c, const device *d, int in_channels, int out_channels);

int narrow_prepare(const convolution *c, direction *dir, device *d);
size_t narrow_packed_floats(int kernel, int in_channels, int out_channels);
int narrow_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed);
int narrow_run(const direction *dir, device *d, view in, cl_mem packed, cl_mem bias, sink out);

bool narrow_gradient_fits(const convolution *c, const device *d);
int narrow_gradient_prepare(convolution *c, device *d);
size_t narrow_partial_floats(const convolution *c, const device *d);
/* g is plain memory. */
int narrow_weight_gradient(const convolution *c, device *d, view x, cl_mem g, cl_mem dweights,
                           cl_mem dbias, cl_mem partial);

#endif
