#include "opencl/choose.h"

#include "base/error.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One or two digits are an index; "3090" is part of a name. -1 if text is not an index. */
static int as_index(const char *text)
{
    size_t length = strlen(text);
    if (!length || length > 2 || strspn(text, "0123456789") != length)
        return -1;
    return atoi(text);
}

static bool contains(const char *text, const char *part)
{
    for (; *text; text++) {
        size_t i = 0;
        while (part[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (!part[i])
            return true;
    }
    return false;
}

static bool on_platform(const device_info *info, const char *platform)
{
    if (!*platform)
        return true;
    int index = as_index(platform);
    return index >= 0 ? info->platform_index == index : contains(info->platform, platform);
}

static bool is_named(const device_info *info, const char *name)
{
    if (!*name)
        return true;
    int index = as_index(name);
    return index >= 0 ? info->device_index == index
                      : contains(info->name, name) || contains(info->vendor, name);
}

static int rank(const device_info *info)
{
    if (info->type & CL_DEVICE_TYPE_GPU)
        return info->unified_memory;
    return (info->type & CL_DEVICE_TYPE_ACCELERATOR) ? 2 : 3;
}

/* "--platform 0 --device 0 (NAME, PLATFORM); ..." for the devices on platform */
static const char *inventory(const device_info *list, size_t count, const char *platform)
{
    static _Thread_local char text[1024];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (!on_platform(&list[i], platform))
            continue;
        int wrote =
            snprintf(text + used, sizeof text - used, "%s--platform %d --device %d (%s, %s)",
                     used ? "; " : "", list[i].platform_index, list[i].device_index, list[i].name,
                     list[i].platform);
        if (wrote < 0 || (size_t)wrote >= sizeof text - used)
            break;
        used += (size_t)wrote;
    }
    return text;
}

static size_t count_on(const device_info *list, size_t count, const char *platform)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += on_platform(&list[i], platform);
    return found;
}

static bool several_platforms(const device_info *list, size_t count)
{
    return list[0].platform_index != list[count - 1].platform_index;
}

static int check_platform(const device_info *list, size_t count, const char *platform,
                          const char *name)
{
    if (!count_on(list, count, platform))
        return fail(STATUS_USAGE, "--platform %s: no such platform with devices; there is: %s",
                    platform, inventory(list, count, ""));
    if (!*platform && as_index(name) >= 0 && several_platforms(list, count))
        return fail(STATUS_USAGE, "--device %s: several platforms have devices, say which: %s",
                    name, inventory(list, count, ""));
    return 0;
}

static void no_such_device(const device_info *list, size_t count, const char *platform,
                           const char *name)
{
    char where[64] = "this machine";
    size_t found = count_on(list, count, platform);
    if (*platform)
        snprintf(where, sizeof where, "platform %s", platform);
    fail(STATUS_USAGE, "--device %s: no such device; %s has %zu device%s: %s", name, where, found,
         found == 1 ? "" : "s", inventory(list, count, platform));
}

const device_info *device_choose(const device_info *list, size_t count, const char *platform,
                                 const char *name)
{
    const device_info *best = NULL;
    platform = platform ? platform : "";
    name = name ? name : "";
    if (check_platform(list, count, platform, name))
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (on_platform(&list[i], platform) && is_named(&list[i], name) &&
            (!best || rank(&list[i]) < rank(best)))
            best = &list[i];
    if (!best)
        no_such_device(list, count, platform, name);
    return best;
}
