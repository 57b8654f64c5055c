#include "opencl/kernel.h"

#include "base/error.h"
#include "opencl/program.h"
#include "opencl/timeline.h"
#include <string.h>

enum { DIMENSIONS = 3 }; /* of every range */

range range_groups(size_t x, size_t y, size_t z, size_t local_x, size_t local_y, size_t local_z)
{
    return (range){{x, y, z}, {local_x, local_y, local_z}};
}

range range_flat(size_t n)
{
    return range_groups(n, 1, 1, 64, 1, 1);
}

range range_single(size_t x, size_t y, size_t z)
{
    return (range){{x, y, z}, {1, 1, 1}};
}

arg arg_buffer(cl_mem buffer)
{
    return (arg){.type = ARG_BUFFER, .value.buffer = buffer};
}

arg arg_int(int value)
{
    return (arg){.type = ARG_INT, .value.i = value};
}

arg arg_uint(unsigned value)
{
    return (arg){.type = ARG_UINT, .value.u = value};
}

arg arg_ulong(uint64_t value)
{
    return (arg){.type = ARG_ULONG, .value.l = value};
}

arg arg_float(float value)
{
    return (arg){.type = ARG_FLOAT, .value.f = value};
}

arg arg_local(size_t bytes)
{
    return (arg){.type = ARG_LOCAL, .value.local_bytes = bytes};
}

arg arg_struct(const void *at, size_t bytes, const char *name)
{
    return (arg){.type = ARG_STRUCT, .value.structure = {at, bytes, name}};
}

static cl_int set_argument(cl_kernel id, cl_uint index, const arg *a)
{
    switch (a->type) {
    case ARG_BUFFER:
        return clSetKernelArg(id, index, sizeof a->value.buffer, &a->value.buffer);
    case ARG_LOCAL:
        return clSetKernelArg(id, index, a->value.local_bytes, NULL);
    case ARG_INT:
        return clSetKernelArg(id, index, sizeof a->value.i, &a->value.i);
    case ARG_UINT:
        return clSetKernelArg(id, index, sizeof a->value.u, &a->value.u);
    case ARG_ULONG:
        return clSetKernelArg(id, index, sizeof a->value.l, &a->value.l);
    case ARG_FLOAT:
        return clSetKernelArg(id, index, sizeof a->value.f, &a->value.f);
    case ARG_STRUCT:
        return clSetKernelArg(id, index, a->value.structure.bytes, a->value.structure.at);
    }
    return CL_INVALID_ARG_VALUE;
}

#ifdef UNBLEND_DEBUG
/* The spellings that compilers report for a scalar of this type; NULL if it is no scalar. */
static const char *const *spellings(const arg *a)
{
    static const char *const as_int[] = {"int", NULL};
    static const char *const as_uint[] = {"uint", "unsigned int", NULL};
    static const char *const as_ulong[] = {"ulong", "unsigned long", NULL};
    static const char *const as_float[] = {"float", NULL};
    switch (a->type) {
    case ARG_INT:
        return as_int;
    case ARG_UINT:
        return as_uint;
    case ARG_ULONG:
        return as_ulong;
    case ARG_FLOAT:
        return as_float;
    default:
        return NULL;
    }
}

static bool address_fits(const arg *a, cl_kernel_arg_address_qualifier space)
{
    switch (a->type) {
    case ARG_BUFFER:
        return space == CL_KERNEL_ARG_ADDRESS_GLOBAL || space == CL_KERNEL_ARG_ADDRESS_CONSTANT;
    case ARG_LOCAL:
        return space == CL_KERNEL_ARG_ADDRESS_LOCAL;
    default:
        return space == CL_KERNEL_ARG_ADDRESS_PRIVATE;
    }
}

/* Nothing is checked if the driver does not report the types of a kernel's arguments. */
static int check_type(const kernel *k, cl_uint index, const arg *a)
{
    cl_kernel_arg_address_qualifier space;
    char type[64] = "";
    if (clGetKernelArgInfo(k->id, index, CL_KERNEL_ARG_ADDRESS_QUALIFIER, sizeof space, &space,
                           NULL) ||
        clGetKernelArgInfo(k->id, index, CL_KERNEL_ARG_TYPE_NAME, sizeof type - 1, type, NULL))
        return 0;
    bool fits =
        address_fits(a, space) && (a->type != ARG_STRUCT || !strcmp(type, a->value.structure.name));
    const char *const *names = spellings(a);
    if (fits && names) {
        while (*names && strcmp(*names, type))
            names++;
        fits = *names;
    }
    return fits ? 0
                : fail(STATUS_RUNTIME, "argument %u of kernel %s is of another type: it takes %s",
                       index, k->name, type);
}
#else
static int check_type(const kernel *k, cl_uint index, const arg *a)
{
    (void)k, (void)index, (void)a;
    return 0;
}
#endif

static int set_arguments(const device *d, const kernel *k, const arg *args, size_t count)
{
    if (count != k->argument_count)
        return fail(STATUS_RUNTIME, "kernel %s takes %u arguments, %zu were given", k->name,
                    k->argument_count, count);
    for (cl_uint i = 0; i < count; i++) {
        if (check_type(k, i, &args[i]))
            return -1;
        cl_int code = set_argument(k->id, i, &args[i]);
        if (cl_check(d, code, "clSetKernelArg", __FILE__, __LINE__))
            return fail_while("kernel %s, argument %u of %zu", k->name, i, count);
    }
    return 0;
}

/* Rounds global up to whole work-groups. */
static int complete_range(const kernel *k, range *r)
{
    for (int i = 0; i < DIMENSIONS; i++) {
        if (!r->global[i] || !r->local[i])
            return fail(STATUS_RUNTIME,
                        "kernel %s: an empty range: global %zu %zu %zu, local %zu %zu %zu", k->name,
                        r->global[0], r->global[1], r->global[2], r->local[0], r->local[1],
                        r->local[2]);
        r->global[i] = (r->global[i] + r->local[i] - 1) / r->local[i] * r->local[i];
    }
    return 0;
}

int launch(device *d, kernel *k, range r, const arg *args, size_t count)
{
    if (!k->id)
        return fail(STATUS_RUNTIME,
                    "kernel %s is for training; the device was opened for inference", k->name);
    if (set_arguments(d, k, args, count) || complete_range(k, &r))
        return -1;
    cl_int code = clEnqueueNDRangeKernel(d->queue, k->id, DIMENSIONS, NULL, r.global, r.local, 0,
                                         NULL, timeline_slot(d, k->file, k->name));
    if (cl_check(d, code, "clEnqueueNDRangeKernel", __FILE__, __LINE__))
        return fail_while("kernel %s, global %zu %zu %zu, local %zu %zu %zu (at most %zu items)",
                          k->name, r.global[0], r.global[1], r.global[2], r.local[0], r.local[1],
                          r.local[2], k->max_work_group);
    return 0;
}
