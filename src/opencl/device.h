/*
 * OpenCL devices: which there are, choosing one, its limits, and what is owned with it (context,
 * in-order queue, built programs).
 *
 *     device *d;
 *     if (device_open(&d, (device_choice){.device = "nvidia"})) ...
 *     device_close(d);
 */
#ifndef OPENCL_DEVICE_H
#define OPENCL_DEVICE_H

#define CL_TARGET_OPENCL_VERSION 120
#include "opencl/tuning.h"
#include <CL/cl.h>
#include <stdbool.h>
#include <stddef.h>

/* Which of two variants of a compute-heavy kernel suits the device. */
enum kernel_family {
    KERNELS_AUTO,   /* vector on CPU devices, tiled elsewhere */
    KERNELS_VECTOR, /* work-groups of one item, long vectors, register tiles */
    KERNELS_TILED   /* work-groups share tiles in local memory */
};

typedef struct device_info {
    int platform_index; /* as `unblend devices` prints them and --platform/--device take them */
    int device_index;
    char platform[128], name[128], vendor[128], driver[128], version[128];
    cl_platform_id platform_id;
    cl_device_id id;
    cl_device_type type;
    bool unified_memory;                                  /* an integrated GPU, or a CPU */
    cl_ulong global_memory, max_allocation, local_memory; /* bytes */
    cl_uint compute_units;
    cl_uint vector_width; /* floats in a native vector */
    size_t max_work_group;
    const tuning_class *class; /* the user's choice; NULL: what type and vectors say */
} device_info;

/* Which device, and how to use it; what is 0 or NULL is left open. */
typedef struct device_choice {
    const char *platform, *device; /* an index as `unblend devices` prints it, or part of a name */
    enum kernel_family kernels;
    const tuning_class *class; /* whose defaults it starts with */
    bool inference;            /* nothing will be trained on it: kernel_get() */
} device_choice;

/* Programs made ready so far; drivers may put part of the work off until a kernel first runs. */
typedef struct build_count {
    long compiled, cached; /* from source, from the binary cache */
    double seconds;
} build_count;

/* What commands are enqueued for: named in errors, and told apart by timelines. */
typedef struct annotation {
    const char *layer; /* NULL: for no layer */
    bool backward;
} annotation;

typedef struct device {
    device_info info;
    cl_context context;
    cl_command_queue queue;
    enum kernel_family kernels; /* never KERNELS_AUTO */
    bool inference;             /* nothing is trained on it */
    tuning tuning;              /* its class's, or its profile's (compute/profile.h) */
    char *profile;              /* the profile's path; NULL without one */
    annotation annotation;      /* of the commands that are enqueued next */
    struct program *programs;   /* built so far, with their kernels */
    build_count builds;         /* what that took */
    size_t allocated;           /* bytes in buffers of this device */
    size_t peak;                /* the most that `allocated` was */
    bool compiling_announced;   /* the user was told once that a cold compile takes long */
    struct timeline *timeline;  /* opencl/timeline.h; NULL: nothing is timed */
} device;

/* Every device of every platform; empty platforms are skipped. *list is released with free().
 * Without any device: STATUS_DEVICE and what to install. */
int devices_list(device_info **list, size_t *count);

/* A CPU and nothing else: a simulator may call itself CPU and GPU at once. */
bool device_is_cpu(const device_info *info);

/* What suits it: never KERNELS_AUTO. */
enum kernel_family device_family(const device_info *info);

/* "vector", "tiled" */
const char *kernel_family_name(enum kernel_family f);

/* "discrete GPU", "integrated GPU", "accelerator" or "CPU" */
const char *device_kind(const device_info *info);

/* The class whose defaults the device starts with. */
const tuning_class *device_class(const device_info *info);

/*
 * Opens the device that the choice selects, with its class's tuning (compute/open_device.h opens it
 * with its profile's). Names are compared in any case; "" is left open, like NULL. Of several
 * devices the first in the order discrete GPU, integrated GPU, accelerator, CPU.
 *
 * One or two digits are an index. A device's index counts within its platform, so without a
 * platform it is accepted only while a single platform has devices. What does not exist, or is not
 * clear, is STATUS_USAGE with the list of what there is.
 */
int device_open(device **out, device_choice choice);
void device_close(device *d);

/* The device's tuning; for NULL, the one that plans without a device assume. */
const tuning *device_tuning(const device *d);

/* Says what the commands enqueued from here on are for; {0} for nothing in particular. The name must
 * live as long as a timeline counts for it. */
void device_annotate(device *d, annotation a);

/* Waits until everything enqueued has run. */
int device_finish(device *d);

/* Buffers. what names the buffer in errors; offsets and lengths are bytes (of whole floats for
 * buffer_fill), and a length of 0 does nothing. Reads and writes block. */
int buffer_new(device *d, size_t bytes, const char *what, cl_mem *out);
void buffer_free(device *d, cl_mem *buffer); /* NULL is allowed; sets it to NULL */
int buffer_write(device *d, cl_mem buffer, size_t offset, const void *bytes, size_t length);
int buffer_read(device *d, cl_mem buffer, size_t offset, void *bytes, size_t length);

/* Starts a read and returns; bytes must stay until event_wait(), which also releases the event and
 * does nothing for NULL. Waiting on an early read shows how far the device has come. */
int buffer_read_later(device *d, cl_mem buffer, size_t offset, void *bytes, size_t length,
                      cl_event *done);
int event_wait(device *d, cl_event *event);
int buffer_write_later(device *d, cl_mem buffer, size_t offset, const void *bytes, size_t length,
                       cl_event *done);
int buffer_fill(device *d, cl_mem buffer, float value, size_t offset, size_t length);
int buffer_copy(device *d, cl_mem from, size_t from_offset, cl_mem to, size_t to_offset,
                size_t length);

/* Memory of the host from which a device reads fast ("pinned"): for buffer_write_later(). */
typedef struct staging {
    cl_mem buffer;
    void *bytes;
} staging;
int staging_new(device *d, size_t bytes, const char *what, staging *out);
void staging_free(device *d, staging *s); /* an empty one is allowed */

/* 0 if code is CL_SUCCESS; else -1 with file, line, call, error name and number, and the layer.
 * Memory errors are STATUS_MEMORY, all others STATUS_DEVICE. */
int cl_check(const device *d, cl_int code, const char *call, const char *file, int line);
#define CL_CALL(d, call) cl_check((d), (call), #call, __FILE__, __LINE__)

/* "CL_INVALID_VALUE" for -30, and so on. */
const char *cl_error_name(cl_int code);

#endif
