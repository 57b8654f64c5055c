#include "opencl/program.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "opencl/cache.h"
#include "opencl/source.h"
#include <stdlib.h>
#include <string.h>

/* Bytes of the compiler's log that go into a message: it has errors only, and compilers give up
 * after some twenty. */
enum { LOG_SHOWN = 12000 };

/* argument types are only checked, and thus only recorded, in debug builds */
#ifdef UNBLEND_DEBUG
#define DEBUG_OPTIONS " -cl-kernel-arg-info"
#else
#define DEBUG_OPTIONS ""
#endif

/* -w: some drivers print how many warnings there were, with nobody asking. */
static char *full_options(const device *d, const char *options)
{
    bool fetch = d->tuning.fetch && device_is_cpu(&d->info); /* Oclgrind does not know the hint */
    return format_text("-cl-std=CL1.2 -cl-mad-enable -w" DEBUG_OPTIONS
                       " -D%s_DEVICE=1 -DFETCH=%d %s",
                       d->kernels == KERNELS_VECTOR ? "VECTOR" : "TILED", fetch, options);
}

static void key_for(const device *d, const char *source, const char *options,
                    char key[CACHE_KEY_SIZE])
{
    char platform_version[128] = "";
    clGetPlatformInfo(d->info.platform_id, CL_PLATFORM_VERSION, sizeof platform_version - 1,
                      platform_version, NULL);
    const char *const parts[] = {source,       options,        d->info.platform, platform_version,
                                 d->info.name, d->info.vendor, d->info.driver,   d->info.version};
    cache_key(parts, sizeof parts / sizeof *parts, key);
}

static cl_program build_from_cache(const device *d, const char *options, const char *key)
{
    unsigned char *bytes = NULL;
    size_t length = 0;
    cl_int code = CL_SUCCESS;
    if (!cache_load(key, &bytes, &length))
        return NULL;
    cl_program id = clCreateProgramWithBinary(d->context, 1, &d->info.id, &length,
                                              (const unsigned char **)&bytes, NULL, &code);
    free(bytes);
    if (code == CL_SUCCESS)
        code = clBuildProgram(id, 1, &d->info.id, options, NULL, NULL);
    if (code == CL_SUCCESS)
        return id;
    log_detail("kernel cache: the driver refuses %s: %s (%d)", key, cl_error_name(code), code);
    if (id)
        clReleaseProgram(id);
    return NULL;
}

static void store_in_cache(cl_program id, const char *key)
{
    size_t length = 0;
    if (!cache_is_on()) /* PoCL compiles every kernel once more for a binary */
        return;
    if (clGetProgramInfo(id, CL_PROGRAM_BINARY_SIZES, sizeof length, &length, NULL) || !length)
        return;
    unsigned char *bytes = allocate(length, 1);
    if (bytes && !clGetProgramInfo(id, CL_PROGRAM_BINARIES, sizeof bytes, &bytes, NULL))
        cache_store(key, bytes, length);
    free(bytes);
}

static int build_failed(const device *d, cl_program id, cl_int code, const char *file,
                        const char *options)
{
    size_t length = 0;
    clGetProgramBuildInfo(id, d->info.id, CL_PROGRAM_BUILD_LOG, 0, NULL, &length);
    char *log = allocate(length + 1, 1);
    if (!log)
        return -1;
    clGetProgramBuildInfo(id, d->info.id, CL_PROGRAM_BUILD_LOG, length, log, NULL);
    fail(STATUS_DEVICE, "%s.cl does not build on %s with \"%s\": %s (%d)\n%.*s%s", file,
         d->info.name, options, cl_error_name(code), code, LOG_SHOWN, log,
         strlen(log) > LOG_SHOWN ? "..." : "");
    free(log);
    return -1;
}

static cl_program build_from_source(device *d, const char *file, const char *source,
                                    const char *options)
{
    if (!d->compiling_announced)
        log_info("compiling kernels for %s (first time only) ...", d->info.name);
    d->compiling_announced = true;
    cl_int code;
    cl_program id = clCreateProgramWithSource(d->context, 1, &source, NULL, &code);
    if (cl_check(d, code, "clCreateProgramWithSource", __FILE__, __LINE__))
        return NULL;
    log_detail("compiling %s.cl with %s", file, options);
    code = clBuildProgram(id, 1, &d->info.id, options, NULL, NULL);
    if (code == CL_SUCCESS)
        return id;
    build_failed(d, id, code, file, options);
    clReleaseProgram(id);
    return NULL;
}

/* From the cache; if it is not there, and `compile`, from source. */
static cl_program build_with(device *d, const char *file, const char *source, const char *options,
                             bool compile)
{
    char key[CACHE_KEY_SIZE];
    key_for(d, source, options, key);
    cl_program id = build_from_cache(d, options, key);
    d->builds.cached += id != NULL;
    if (id || !compile)
        return id;
    id = build_from_source(d, file, source, options);
    d->builds.compiled += id != NULL;
    if (id)
        store_in_cache(id, key);
    return id;
}

static int build(device *d, program *p)
{
    double begun = clock_seconds();
    bool inference = d->inference && cache_is_on();
    char *source = source_expand(p->file);
    if (source)
        p->id = build_with(d, p->file, source, p->options, !inference);
    if (source && !p->id && inference) {
        char *options = format_text("%s -DINFERENCE=1", p->options);
        p->id = options ? build_with(d, p->file, source, options, true) : NULL;
        p->inference = true;
        free(options);
    }
    d->builds.seconds += clock_seconds() - begun;
    free(source);
    return p->id ? 0 : -1;
}

static void program_free(program *p)
{
    while (p->kernels) {
        kernel *k = p->kernels;
        p->kernels = k->next;
        if (k->id)
            clReleaseKernel(k->id);
        free(k->name);
        free(k);
    }
    if (p->id)
        clReleaseProgram(p->id);
    free(p->file);
    free(p->options);
    free(p);
}

void programs_free(program *first)
{
    while (first) {
        program *next = first->next;
        program_free(first);
        first = next;
    }
}

/* Takes options over. */
static program *program_new(device *d, const char *file, char *options)
{
    program *p = allocate(1, sizeof *p);
    if (!p) {
        free(options);
        return NULL;
    }
    p->options = options;
    if (!(p->file = copy_text(file)) || build(d, p)) {
        program_free(p);
        return NULL;
    }
    p->next = d->programs;
    d->programs = p;
    return p;
}

static program *program_get(device *d, const char *file, const char *wanted_options)
{
    char *options = full_options(d, wanted_options);
    if (!options)
        return NULL;
    for (program *p = d->programs; p; p = p->next) {
        if (!strcmp(p->file, file) && !strcmp(p->options, options)) {
            free(options);
            return p;
        }
    }
    return program_new(d, file, options);
}

static int kernel_create(device *d, program *p, kernel *k)
{
    cl_int code;
    k->id = clCreateKernel(p->id, k->name, &code);
    if (code == CL_INVALID_KERNEL_NAME && p->inference) {
        k->id = NULL;
        return 0;
    }
    if (code == CL_INVALID_KERNEL_NAME)
        return fail(STATUS_DEVICE, "%s.cl has no kernel named %s", p->file, k->name);
    if (cl_check(d, code, "clCreateKernel", __FILE__, __LINE__) ||
        CL_CALL(d, clGetKernelInfo(k->id, CL_KERNEL_NUM_ARGS, sizeof k->argument_count,
                                   &k->argument_count, NULL)) ||
        CL_CALL(d, clGetKernelWorkGroupInfo(k->id, d->info.id, CL_KERNEL_WORK_GROUP_SIZE,
                                            sizeof k->max_work_group, &k->max_work_group, NULL)))
        return fail_while("kernel %s of %s.cl", k->name, p->file);
    return 0;
}

kernel *kernel_get(device *d, const char *file, const char *options, const char *name)
{
    program *p = program_get(d, file, options);
    if (!p)
        return NULL;
    for (kernel *k = p->kernels; k; k = k->next)
        if (!strcmp(k->name, name))
            return k;
    kernel *k = allocate(1, sizeof *k);
    if (!k)
        return NULL;
    k->file = p->file;
    if (!(k->name = copy_text(name)) || kernel_create(d, p, k))
        goto failed;
    k->next = p->kernels;
    p->kernels = k;
    return k;
failed:
    if (k->id)
        clReleaseKernel(k->id);
    free(k->name);
    free(k);
    return NULL;
}
