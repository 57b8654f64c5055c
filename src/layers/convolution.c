#include "layers/convolution.h"

#include "base/error.h"
#include "layers/direct.h"
#include "layers/narrow.h"
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

static enum convolution_method method_for(const convolution *c, const device *d, int in_channels,
                                          int out_channels)
{
    if (winograd_fits(c, d, in_channels, out_channels))
        return METHOD_WINOGRAD;
    return narrow_fits(c, d, in_channels, out_channels) ? METHOD_NARROW : METHOD_DIRECT;
}

static int prepare_direction(const convolution *c, direction *dir, device *d)
{
    dir->in = dir->adjoint ? c->y : c->x;
    dir->out = dir->adjoint ? c->x : c->y;
    dir->method = method_for(c, d, dir->in.c, dir->out.c);
    switch (dir->method) {
    case METHOD_WINOGRAD:
        return winograd_prepare(dir, d);
    case METHOD_NARROW:
        return narrow_prepare(c, dir, d);
    default:
        return direct_prepare(c, dir, d);
    }
}

static enum convolution_method gradient_method(const convolution *c, const device *d)
{
    if (winograd_gradient_fits(c, d))
        return METHOD_WINOGRAD;
    return narrow_gradient_fits(c, d) ? METHOD_NARROW : METHOD_DIRECT;
}

static int prepare_gradient(convolution *c, device *d)
{
    switch (c->gradient.method) {
    case METHOD_WINOGRAD:
        return winograd_gradient_prepare(c, d);
    case METHOD_NARROW:
        return narrow_gradient_prepare(c, d);
    default:
        return direct_gradient_prepare(c, d);
    }
}

int convolution_prepare(convolution *c, device *d, unsigned parts)
{
    convolution_release(c);
    c->forward = (direction){.adjoint = false};
    c->adjoint = (direction){.adjoint = true};
    c->gradient = (struct weight_gradient){.method = gradient_method(c, d)};
    if ((parts & CONVOLUTION_FORWARD && prepare_direction(c, &c->forward, d)) ||
        (parts & CONVOLUTION_ADJOINT && prepare_direction(c, &c->adjoint, d)))
        return -1;
    return parts & CONVOLUTION_GRADIENT ? prepare_gradient(c, d) : 0;
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
    switch (method_for(c, d, in, out)) {
    case METHOD_WINOGRAD:
        return winograd_packed_floats(in, out);
    case METHOD_NARROW:
        return narrow_packed_floats(c->kernel, in, out);
    default:
        return direct_packed_floats(c->kernel * c->kernel, in, out, d);
    }
}

size_t convolution_partial_floats(const convolution *c, const device *d)
{
    switch (gradient_method(c, d)) {
    case METHOD_WINOGRAD:
        return winograd_partial_floats(c, d);
    case METHOD_NARROW:
        return narrow_partial_floats(c, d);
    default:
        return direct_partial_floats(c, d);
    }
}

int convolution_pack(const direction *dir, device *d, cl_mem weights, cl_mem packed)
{
    switch (dir->method) {
    case METHOD_WINOGRAD:
        return winograd_pack(dir, d, weights, packed);
    case METHOD_NARROW:
        return narrow_pack(dir, d, weights, packed);
    default:
        return direct_pack(dir, d, weights, packed);
    }
}

int convolution_run(const direction *dir, device *d, view in, cl_mem weights, cl_mem packed,
                    cl_mem bias, sink out)
{
    switch (dir->method) {
    case METHOD_WINOGRAD:
        return winograd_run(dir, d, in, packed, bias, out);
    case METHOD_NARROW:
        return narrow_run(dir, d, in, packed, bias, out);
    default:
        return direct_run(dir, d, in, weights, packed, bias, out);
    }
}

bool convolution_finishes_gradient(const convolution *c, const device *d)
{
    return gradient_method(c, d) == METHOD_WINOGRAD;
}

int convolution_weight_gradient(const convolution *c, device *d, view x, view g,
                                const gradient_view *deferred, cl_mem dweights, cl_mem dbias,
                                cl_mem partial)
{
    switch (c->gradient.method) {
    case METHOD_WINOGRAD:
        return winograd_weight_gradient(c, d, x, deferred ? *deferred : gradient_view_of(g.a.data),
                                        dweights, dbias, partial);
    case METHOD_NARROW:
        return narrow_weight_gradient(c, d, x, g.a.data, dweights, dbias, partial);
    default:
        return direct_weight_gradient(c, d, x, g, dweights, dbias, partial);
    }
}

/* ---- Reach ---- */

static long floor_divide(long a, long b)
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/* Pixel i of the small side belongs to pixels i * stride - pad to i * stride - pad + kernel - 1 of the big one. */
span convolution_reach(const convolution *c, bool adjoint, span output)
{
    long stride = c->stride, behind = c->kernel - 1;
    long least = c->pad_y < c->pad_x ? c->pad_y : c->pad_x;
    long most = c->pad_y < c->pad_x ? c->pad_x : c->pad_y;
    if (!adjoint)
        return (span){output.first * stride - most, output.last * stride - least + behind};
    return (span){-floor_divide(-(output.first + least - behind), stride),
                  floor_divide(output.last + most, stride)};
}
