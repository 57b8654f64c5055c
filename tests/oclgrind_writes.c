/*
 * Preloaded into programs that run in Oclgrind (see test_oclgrind.sh), which keeps a shadow of each
 * buffer that tells which bytes are set. Oclgrind 21.10 makes that shadow anew at each write of the
 * host, as large as what is written, and for a fill as large as the pattern; everything else of the
 * buffer then counts as never set. So here each write and fill becomes a write of the whole buffer,
 * which holds the same bytes afterwards.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef cl_int (*write_function)(cl_command_queue, cl_mem, cl_bool, size_t, size_t, const void *,
                                 cl_uint, const cl_event *, cl_event *);

/* The bytes of a buffer, and of the buffer that it is a part of. */
typedef struct region {
    cl_mem whole;
    size_t offset, size, whole_size;
} region;

static cl_int find_region(cl_mem buffer, region *out)
{
    cl_int code = clGetMemObjectInfo(buffer, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof out->whole,
                                     &out->whole, NULL);
    code |= clGetMemObjectInfo(buffer, CL_MEM_OFFSET, sizeof out->offset, &out->offset, NULL);
    code |= clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof out->size, &out->size, NULL);
    if (code)
        return CL_INVALID_MEM_OBJECT;
    if (!out->whole)
        out->whole = buffer;
    return clGetMemObjectInfo(out->whole, CL_MEM_SIZE, sizeof out->whole_size, &out->whole_size,
                              NULL);
}

/* Repeats the pattern over length bytes. */
static cl_int write_whole(cl_command_queue queue, cl_mem buffer, size_t offset, size_t length,
                          const void *pattern, size_t pattern_size)
{
    write_function write = NULL;
    *(void **)&write = dlsym(RTLD_NEXT, "clEnqueueWriteBuffer");
    region at;
    if (!write || find_region(buffer, &at))
        return CL_INVALID_MEM_OBJECT;
    if (!pattern || offset > at.size || length > at.size - offset || length % pattern_size)
        return CL_INVALID_VALUE;
    unsigned char *bytes = malloc(at.whole_size);
    if (!bytes)
        return CL_OUT_OF_HOST_MEMORY;
    cl_int code =
        clEnqueueReadBuffer(queue, at.whole, CL_TRUE, 0, at.whole_size, bytes, 0, NULL, NULL);
    for (size_t i = 0; i < length; i += pattern_size)
        memcpy(bytes + at.offset + offset + i, pattern, pattern_size);
    if (!code)
        code = write(queue, at.whole, CL_TRUE, 0, at.whole_size, bytes, 0, NULL, NULL);
    free(bytes);
    return code;
}

cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset,
                            size_t size, const void *bytes, cl_uint event_count,
                            const cl_event *events, cl_event *event)
{
    (void)blocking; /* always */
    if (event_count || events || event)
        return CL_INVALID_EVENT_WAIT_LIST; /* unblend's writes and fills have none */
    return write_whole(queue, buffer, offset, size, bytes, size);
}

cl_int clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer, const void *pattern,
                           size_t pattern_size, size_t offset, size_t size, cl_uint event_count,
                           const cl_event *events, cl_event *event)
{
    if (event_count || events || event)
        return CL_INVALID_EVENT_WAIT_LIST;
    return write_whole(queue, buffer, offset, size, pattern, pattern_size);
}
