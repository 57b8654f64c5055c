#include "layers/convolution.h"

#include "base/error.h"
#include "layers/direct.h"
#include "layers/winograd.h"

static int padding_before(int size, int out, int kernel, int stride)
{
    int total = (out - 1) * stride + kernel - size;
    return total > 0 ? total / 2 : 0;
}

int convolution_shape(convolution *c, shape x, int cout, int kernel, int stride)
{
    if (kernel < 1 || kernel > CONVOLUTION_KERNEL_MAX || kernel % 2 == 0 ||
        (stride != 1 && stride != 2))
        return fail(STATUS_RUNTIME, "a %d x %d convolution with stride %d is not supported", kernel,
                    kernel, stride);
    c->kernel = kernel;
    c->stride = stride;
    c->x = x;
    c->y = (shape){x.n, (x.h + stride - 1) / stride, (x.w + stride - 1) / stride, cout};
    c->pad_y = padding_before(x.h, c->y.h, kernel, stride);
    c->pad_x = padding_before(x.w, c->y.w, kernel, stride);
    return 0;
}

static int prepare_direction(const convolution *c, direction *dir, device *d)
{
    dir->in = dir->adjoint ? c->y : c->x;
    dir->out = dir->adjoint ? c->x : c->y;
    dir->winograd = winograd_fits(c, d, dir->in.c, dir->out.c);
    return dir->winograd ? winograd_prepare(dir, d) : direct_prepare(c, dir, d);
}

int convolution_prepare(convolution *c, device *d, unsigned parts)
{
    convolution_release(c);
    c->forward = (direction){.adjoint = false};
    c->adjoint = (direction){.adjoint = true};
    c->gradient = (struct weight_gradient){.winograd = winograd_gradient_fits(c, d)};
    if ((parts & CONVOLUTION_FORWARD && prepare_direction(c, &c->forward, d)) ||
        (parts & CONVOLUTION_ADJOINT && prepare_direction(c, &c->adjoint, d)))
        return -1;
    if (!(parts & CONVOLUTION_GRADIENT))
        return 0;
    return c->gradient.winograd ? winograd_gradient_prepare(c, d) : direct_gradient_prepare(c, d);
}

void convolution_release(convolution *c)
{
    direct_release(&c->forward);
    direct_release(&c->adjoint);
    direct_gradient_release(c);
}

size_t convolution_packed_floats(const convolution *c, const device *d, bool adjoint)
{
    int in = adjoint ? c->y.c : c->x.c, out = adjoint ? c->x.c : c->y.c;
    return winograd_fits(c, d, in, out) ? winograd_packed_floats(in, out)
                                        : direct_packed_floats(c->kernel * c->kernel, in, out, d);
}

size_t convolution_partial_floats(const convolution *c, const device *d)
{
    return winograd_gradient_fits(c, d) ? winograd_partial_floats(c, d)
                                        : direct_partial_floats(c, d);
}

int convolution_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed)
{
    return dir->winograd ? winograd_pack(dir, d, weights, packed)
                         : direct_pack(dir, d, weights, packed);
}

int convolution_run(const direction *dir, device *d, view in, cl_mem weights, cl_mem packed,
                    cl_mem bias, sink out)
{
    return dir->winograd ? winograd_run(dir, d, in, packed, bias, out)
                         : direct_run(dir, d, in, weights, packed, bias, out);
}

int convolution_weight_gradient(const convolution *c, device *d, view x, view g, cl_mem dweights,
                                cl_mem dbias, cl_mem partial)
{
    return c->gradient.winograd
               ? winograd_weight_gradient(c, d, x, g.a.data, dweights, dbias, partial)
               : direct_weight_gradient(c, d, x, g, dweights, dbias, partial);
}
