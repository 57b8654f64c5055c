#include "opencl/device.h"

#include "base/error.h"
#include "base/memory.h"
#include "opencl/choose.h"
#include "opencl/program.h"
#include <stdlib.h>

bool device_is_cpu(const device_info *info)
{
    return info->type & CL_DEVICE_TYPE_CPU && !(info->type & CL_DEVICE_TYPE_GPU);
}

enum kernel_family device_family(const device_info *info)
{
    return device_is_cpu(info) ? KERNELS_VECTOR : KERNELS_TILED;
}

const char *kernel_family_name(enum kernel_family f)
{
    return f == KERNELS_VECTOR ? "vector" : "tiled";
}

const tuning_class *device_class(const device_info *info)
{
    return info->class ? info->class : tuning_class_of(device_is_cpu(info), info->vector_width);
}

static int open_chosen(device *d)
{
    cl_int code;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)d->info.platform_id, 0};
    d->context = clCreateContext(properties, 1, &d->info.id, NULL, NULL, &code);
    if (cl_check(d, code, "clCreateContext", __FILE__, __LINE__))
        return -1;
    d->queue = clCreateCommandQueue(d->context, d->info.id, 0, &code);
    return cl_check(d, code, "clCreateCommandQueue", __FILE__, __LINE__);
}

int device_open(device **out, device_choice choice)
{
    device_info *list = NULL;
    size_t count = 0;
    device *d = NULL;
    if (devices_list(&list, &count))
        return -1;
    const device_info *chosen = device_choose(list, count, choice.platform, choice.device);
    if (!chosen || !(d = allocate(1, sizeof *d)))
        goto failed;
    d->info = *chosen;
    d->info.class = choice.class;
    d->inference = choice.inference;
    d->kernels = choice.kernels == KERNELS_AUTO ? device_family(&d->info) : choice.kernels;
    d->tuning = device_class(&d->info)->values;
    if (open_chosen(d))
        goto failed;
    free(list);
    *out = d;
    return 0;
failed:
    free(list);
    device_close(d);
    return -1;
}

void device_close(device *d)
{
    if (!d)
        return;
    if (d->queue)
        clFinish(d->queue);
    programs_free(d->programs);
    if (d->queue)
        clReleaseCommandQueue(d->queue);
    if (d->context)
        clReleaseContext(d->context);
    free(d->profile);
    free(d);
}

const tuning *device_tuning(const device *d)
{
    return d ? &d->tuning : &tuning_default;
}

void device_annotate(device *d, annotation a)
{
    d->annotation = a;
}

int device_finish(device *d)
{
    return CL_CALL(d, clFinish(d->queue));
}
