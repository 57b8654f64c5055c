#include "opencl/device.h"

#include "base/error.h"
#include "opencl/pages.h"
#include "opencl/timeline.h"
#include <assert.h>
#include <stdlib.h>

static double mebibytes(cl_ulong bytes)
{
    return (double)bytes / (1024 * 1024);
}

static int check_fits(const device *d, size_t bytes, const char *what)
{
    if (!bytes)
        return fail(STATUS_RUNTIME, "%s: a buffer of 0 bytes was asked for", what);
    if (bytes > d->info.max_allocation)
        return fail(STATUS_MEMORY,
                    "%s: needs a buffer of %.1f MiB, %s allows %.1f MiB in one; use a smaller "
                    "batch or model",
                    what, mebibytes(bytes), d->info.name, mebibytes(d->info.max_allocation));
    if (d->allocated > d->info.global_memory || bytes > d->info.global_memory - d->allocated)
        return fail(STATUS_MEMORY,
                    "%s: needs %.1f MiB more beside %.1f MiB in use, %s has %.1f MiB; use a "
                    "smaller batch or model",
                    what, mebibytes(bytes), mebibytes(d->allocated), d->info.name,
                    mebibytes(d->info.global_memory));
    return 0;
}

static void CL_CALLBACK release_pages(cl_mem buffer, void *pages)
{
    (void)buffer;
    free(pages);
}

/* A buffer in memory of ours, which goes with it; NULL where there is none. */
static cl_mem new_in_pages(const device *d, size_t bytes)
{
    void *pages = pages_new(bytes);
    if (!pages)
        return NULL;
    cl_mem buffer =
        clCreateBuffer(d->context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, bytes, pages, NULL);
    if (buffer && clSetMemObjectDestructorCallback(buffer, release_pages, pages) == CL_SUCCESS)
        return buffer;
    if (buffer)
        clReleaseMemObject(buffer);
    free(pages);
    return NULL;
}

int buffer_new(device *d, size_t bytes, const char *what, cl_mem *out)
{
    *out = NULL;
    if (check_fits(d, bytes, what))
        return -1;
    bool in_pages = device_is_cpu(&d->info) && bytes >= PAGES_LEAST_BYTES;
    cl_int code = CL_SUCCESS;
    cl_mem buffer = in_pages ? new_in_pages(d, bytes) : NULL;
    if (!buffer)
        buffer = clCreateBuffer(d->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (cl_check(d, code, "clCreateBuffer", __FILE__, __LINE__))
        return fail_while("%s: a buffer of %.1f MiB", what, mebibytes(bytes));
    d->allocated += bytes;
    if (d->peak < d->allocated)
        d->peak = d->allocated;
    *out = buffer;
    return 0;
}

void buffer_free(device *d, cl_mem *buffer)
{
    if (!*buffer)
        return;
    size_t bytes = 0;
    clGetMemObjectInfo(*buffer, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    assert(d->allocated >= bytes); /* each buffer is freed with the device that made it */
    clReleaseMemObject(*buffer);
    d->allocated -= bytes;
    *buffer = NULL;
}

/* OpenCL refuses transfers of nothing; here they are no work. */

static cl_event *transfer(device *d, const char *command)
{
    return timeline_slot(d, "transfer", command);
}

int buffer_write(device *d, cl_mem buffer, size_t offset, const void *bytes, size_t length)
{
    return length ? CL_CALL(d, clEnqueueWriteBuffer(d->queue, buffer, CL_TRUE, offset, length,
                                                    bytes, 0, NULL, transfer(d, "write")))
                  : 0;
}

int buffer_read(device *d, cl_mem buffer, size_t offset, void *bytes, size_t length)
{
    return length ? CL_CALL(d, clEnqueueReadBuffer(d->queue, buffer, CL_TRUE, offset, length, bytes,
                                                   0, NULL, transfer(d, "read")))
                  : 0;
}

/* What a command that does not block leaves to be done. */
static int begin_later(device *d, const char *command, cl_event done)
{
    timeline_share(d, "transfer", command, done);
    return CL_CALL(d, clFlush(d->queue));
}

int buffer_read_later(device *d, cl_mem buffer, size_t offset, void *bytes, size_t length,
                      cl_event *done)
{
    if (CL_CALL(d, clEnqueueReadBuffer(d->queue, buffer, CL_FALSE, offset, length, bytes, 0, NULL,
                                       done)))
        return -1;
    return begin_later(d, "read", *done);
}

int buffer_write_later(device *d, cl_mem buffer, size_t offset, const void *bytes, size_t length,
                       cl_event *done)
{
    if (CL_CALL(d, clEnqueueWriteBuffer(d->queue, buffer, CL_FALSE, offset, length, bytes, 0, NULL,
                                        done)))
        return -1;
    return begin_later(d, "write", *done);
}

int staging_new(device *d, size_t bytes, const char *what, staging *out)
{
    cl_int code;
    *out = (staging){0};
    out->buffer =
        clCreateBuffer(d->context, CL_MEM_READ_ONLY | CL_MEM_ALLOC_HOST_PTR, bytes, NULL, &code);
    if (cl_check(d, code, "clCreateBuffer", __FILE__, __LINE__))
        return fail_while("%s: %.1f MiB of host memory", what, mebibytes(bytes));
    out->bytes = clEnqueueMapBuffer(d->queue, out->buffer, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0,
                                    bytes, 0, NULL, NULL, &code);
    if (!cl_check(d, code, "clEnqueueMapBuffer", __FILE__, __LINE__))
        return 0;
    staging_free(d, out);
    return fail_while("%s: %.1f MiB of host memory", what, mebibytes(bytes));
}

void staging_free(device *d, staging *s)
{
    if (s->bytes)
        clEnqueueUnmapMemObject(d->queue, s->buffer, s->bytes, 0, NULL, NULL);
    if (s->buffer)
        clReleaseMemObject(s->buffer);
    *s = (staging){0};
}

int event_wait(device *d, cl_event *event)
{
    if (!*event)
        return 0;
    int result = CL_CALL(d, clWaitForEvents(1, event));
    clReleaseEvent(*event);
    *event = NULL;
    return result;
}

int buffer_fill(device *d, cl_mem buffer, float value, size_t offset, size_t length)
{
    assert(offset % sizeof value == 0 && length % sizeof value == 0);
    return length ? CL_CALL(d, clEnqueueFillBuffer(d->queue, buffer, &value, sizeof value, offset,
                                                   length, 0, NULL, transfer(d, "fill")))
                  : 0;
}

int buffer_copy(device *d, cl_mem from, size_t from_offset, cl_mem to, size_t to_offset,
                size_t length)
{
    return length ? CL_CALL(d, clEnqueueCopyBuffer(d->queue, from, to, from_offset, to_offset,
                                                   length, 0, NULL, transfer(d, "copy")))
                  : 0;
}
