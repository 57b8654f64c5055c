/*
 * Kernels: found in cl/, compiled at run time for one device, launched in one place.
 *
 *     kernel *k = kernel_get(d, "activation", "-DACTIVATION=1", "activation_forward");
 *     if (!k || LAUNCH(d, k, range_single(1, spans, 1), ARG(x), ARG(y), ARG(pixels),
 *                      ARG(channels), ARG(span))) ...
 *
 * A kernel belongs to its device and is built once per (file, options).
 */
#ifndef OPENCL_KERNEL_H
#define OPENCL_KERNEL_H

#include "opencl/device.h"
#include <stdint.h>

typedef struct kernel kernel;

/*
 * The kernel `name` of cl/<file>.cl, built with `options` ("-DX=1 ..."). NULL on failure: the
 * message then holds the compiler's log. #include "x" in a .cl is expanded from cl/, once a file.
 *
 * cl/ is looked for in $UNBLEND_CL_DIR, beside the executable, above it, then under the install
 * prefix. Besides options, -DVECTOR_DEVICE=1 or -DTILED_DEVICE=1 tells the device's kernel family,
 * and -DFETCH=1 or 0 whether to fetch ahead (cl/fetch.h). Binaries are kept in
 * $XDG_CACHE_HOME/unblend (default ~/.cache/unblend), keyed by a SHA-256 of the expanded source,
 * options, device, driver version and cache format; any trouble with the cache means building from
 * source.
 *
 * For a binary a driver compiles all kernels of a program. So for a device that is for inference, what is
 * not in the cache is built with -DINFERENCE=1, which leaves out the kernels of training. These can be
 * had then, but not launched. With the cache off nothing is left out.
 */
kernel *kernel_get(device *d, const char *file, const char *options, const char *name);

/* Work-items: global is rounded up to a multiple of local by launch(), so kernels test their
 * indices. */
typedef struct range {
    size_t global[3], local[3];
} range;
range range_groups(size_t x, size_t y, size_t z, size_t local_x, size_t local_y, size_t local_z);
/* n items, in groups of 64 on any device; a multiple of the group is run. One local size for all n
 * means one compiled variant of the kernel (PoCL makes one per local size). */
range range_flat(size_t n);
/* x * y * z work-groups of a single item each */
range range_single(size_t x, size_t y, size_t z);

typedef struct arg {
    enum { ARG_BUFFER, ARG_LOCAL, ARG_INT, ARG_UINT, ARG_ULONG, ARG_FLOAT, ARG_STRUCT } type;
    union {
        cl_mem buffer;
        size_t local_bytes;
        cl_int i;
        cl_uint u;
        cl_ulong l;
        cl_float f;
        struct {
            const void *at;
            size_t bytes;
            const char *name;
        } structure;
    } value;
} arg;
arg arg_buffer(cl_mem buffer);
arg arg_int(int value);
arg arg_uint(unsigned value);
arg arg_ulong(uint64_t value);
arg arg_float(float value);
arg arg_local(size_t bytes); /* __local memory of that many bytes */
arg arg_struct(const void *at, size_t bytes, const char *name);

#define ARG(value)                                                                                 \
    _Generic((value), cl_mem                                                                       \
             : arg_buffer, int                                                                     \
             : arg_int, unsigned                                                                   \
             : arg_uint, uint64_t                                                                  \
             : arg_ulong, float                                                                    \
             : arg_float)(value)
#define LOCAL(bytes) arg_local(bytes)
/* A struct by value: a type that a header in cl/ defines for both sides, and an object of it that
 * lives until the launch. */
#define STRUCT(type, object) arg_struct((const type *){&(object)}, sizeof(type), #type)

/* Sets every argument and enqueues. The number of arguments is always checked, their types in
 * debug builds (UNBLEND_DEBUG). On failure the message names kernel, layer, call and error. */
int launch(device *d, kernel *k, range r, const arg *args, size_t count);
#define LAUNCH(d, k, r, ...)                                                                       \
    launch((d), (k), (r), (const arg[]){__VA_ARGS__},                                              \
           sizeof((const arg[]){__VA_ARGS__}) / sizeof(arg))

/* The directory of the .cl files; NULL (STATUS_DEVICE) if there is none. */
const char *kernel_directory(void);

#endif
