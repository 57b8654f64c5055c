#include "opencl/device.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PLATFORMS = 32, MAX_DEVICES = 64 };

typedef struct device_list {
    void *items; /* device_info */
    size_t count, capacity;
} device_list;

/* Some drivers pad their names with spaces. */
static void copy_trimmed(char *to, size_t size, const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    snprintf(to, size, "%.*s", (int)length, text);
}

static void platform_text(cl_platform_id id, cl_platform_info what, char *to, size_t size)
{
    char text[1024] = "";
    if (clGetPlatformInfo(id, what, sizeof text - 1, text, NULL))
        text[0] = '\0';
    copy_trimmed(to, size, text);
}

static void device_text(cl_device_id id, cl_device_info what, char *to, size_t size)
{
    char text[1024] = "";
    if (clGetDeviceInfo(id, what, sizeof text - 1, text, NULL))
        text[0] = '\0';
    copy_trimmed(to, size, text);
}

static bool device_flag(cl_device_id id, cl_device_info what)
{
    cl_bool value = CL_FALSE;
    clGetDeviceInfo(id, what, sizeof value, &value, NULL);
    return value;
}

static int describe(cl_platform_id platform, cl_device_id id, device_info *info)
{
    info->platform_id = platform;
    info->id = id;
    platform_text(platform, CL_PLATFORM_NAME, info->platform, sizeof info->platform);
    device_text(id, CL_DEVICE_NAME, info->name, sizeof info->name);
    device_text(id, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    device_text(id, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    device_text(id, CL_DEVICE_VERSION, info->version, sizeof info->version);
    info->unified_memory = device_flag(id, CL_DEVICE_HOST_UNIFIED_MEMORY);
    const struct {
        cl_device_info what;
        size_t size;
        void *value;
    } facts[] = {
        {CL_DEVICE_TYPE, sizeof info->type, &info->type},
        {CL_DEVICE_GLOBAL_MEM_SIZE, sizeof info->global_memory, &info->global_memory},
        {CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof info->max_allocation, &info->max_allocation},
        {CL_DEVICE_LOCAL_MEM_SIZE, sizeof info->local_memory, &info->local_memory},
        {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof info->compute_units, &info->compute_units},
        {CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof info->vector_width, &info->vector_width},
        {CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof info->max_work_group, &info->max_work_group},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (CL_CALL(NULL, clGetDeviceInfo(id, facts[i].what, facts[i].size, facts[i].value, NULL)))
            return -1;
    return 0;
}

static int add_device(device_list *list, cl_platform_id platform, cl_device_id id,
                      int platform_index, int device_index)
{
    device_info info = {.platform_index = platform_index, .device_index = device_index};
    if (describe(platform, id, &info)) {
        log_detail("skipping device %d of platform %d: %s", device_index, platform_index,
                   error_message());
        error_clear();
        return 0;
    }
    if (!device_flag(id, CL_DEVICE_AVAILABLE) || !device_flag(id, CL_DEVICE_COMPILER_AVAILABLE)) {
        log_detail("skipping device %d of platform %d, %s: not available, or without a compiler",
                   device_index, platform_index, info.name);
        return 0;
    }
    if (grow(&list->items, &list->capacity, list->count + 1, sizeof info))
        return -1;
    ((device_info *)list->items)[list->count++] = info;
    return 0;
}

/* A platform without devices, or one that cannot tell, is passed over. */
static int add_platform(device_list *list, cl_platform_id platform, int platform_index)
{
    cl_device_id ids[MAX_DEVICES];
    cl_uint count = 0;
    cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &count);
    if (code != CL_SUCCESS) {
        log_detail("skipping platform %d: %s (%d)", platform_index, cl_error_name(code), code);
        return 0;
    }
    for (cl_uint i = 0; i < count && i < MAX_DEVICES; i++)
        if (add_device(list, platform, ids[i], platform_index, (int)i))
            return -1;
    return 0;
}

static bool is_writable(const char *directory)
{
    return directory && directory_exists(directory) && !access(directory, W_OK);
}

/* PoCL offers no device when it cannot write its kernel cache. */
static const char *cache_hint(void)
{
    const char *own = getenv("POCL_CACHE_DIR"), *shared = getenv("XDG_CACHE_HOME");
    if (own && !is_writable(own))
        return "\nPOCL_CACHE_DIR is not a directory that can be written to: PoCL shows no device "
               "without its kernel cache.";
    if (own || is_writable(shared && *shared ? shared : getenv("HOME")))
        return "";
    return "\nIf PoCL is installed: it keeps a kernel cache below XDG_CACHE_HOME or HOME, which is "
           "not a directory that can be written to; set POCL_CACHE_DIR to one that is.";
}

static int no_device(cl_uint platforms)
{
    return fail(STATUS_DEVICE,
                "no OpenCL device found (platforms: %u). Install a driver: pocl-opencl-icd (any "
                "CPU), nvidia-opencl-icd (NVIDIA), rocm-opencl-icd or mesa-opencl-icd (AMD), "
                "intel-opencl-icd (Intel GPU); `clinfo -l` lists what OpenCL sees.%s",
                platforms, cache_hint());
}

int devices_list(device_info **out, size_t *count)
{
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint platform_count = 0;
    device_list list = {0};
    if (clGetPlatformIDs(MAX_PLATFORMS, platforms, &platform_count) != CL_SUCCESS)
        platform_count = 0; /* CL_PLATFORM_NOT_FOUND_KHR: no driver is installed */
    for (cl_uint i = 0; i < platform_count && i < MAX_PLATFORMS; i++)
        if (add_platform(&list, platforms[i], (int)i))
            goto failed;
    if (!list.count) {
        no_device(platform_count);
        goto failed;
    }
    *out = list.items;
    *count = list.count;
    return 0;
failed:
    free(list.items);
    return -1;
}

const char *device_kind(const device_info *info)
{
    if (info->type & CL_DEVICE_TYPE_GPU)
        return info->unified_memory ? "integrated GPU" : "discrete GPU";
    if (info->type & CL_DEVICE_TYPE_ACCELERATOR)
        return "accelerator";
    return "CPU";
}
