/* unblend devices: what OpenCL offers here, with the indices that --platform and --device take. */
#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"
#include "compute/profile.h"
#include <stdlib.h>
#include <string.h>

static double gibibytes(cl_ulong bytes)
{
    return (double)bytes / (1024.0 * 1024.0 * 1024.0);
}

static void print_tuning(const device_info *d)
{
    tuning t;
    char *profile = profile_find(d, &t);
    printf("          tuning: %s%s\n", profile ? "" : "defaults, ",
           profile ? profile : device_class(d)->name);
    free(profile);
}

static void print_table(const device_info *list, size_t count)
{
    int kind = (int)strlen("kind"), name = (int)strlen("name"), driver = (int)strlen("driver");
    for (size_t i = 0; i < count; i++) {
        kind = column_width(kind, device_kind(&list[i]));
        name = column_width(name, list[i].name);
        driver = column_width(driver, list[i].driver);
    }
    int platform = -1;
    for (size_t i = 0; i < count; i++) {
        const device_info *d = &list[i];
        if (d->platform_index != platform) {
            printf("%sPlatform %d: %s\n", i ? "\n" : "", d->platform_index, d->platform);
            printf("  device  %-*s  %-*s  %-*s      memory  max buffer  units\n", kind, "kind",
                   name, "name", driver, "driver");
        }
        platform = d->platform_index;
        printf("  %6d  %-*s  %-*s  %-*s  %6.1f GiB  %6.1f GiB  %5u\n", d->device_index, kind,
               device_kind(d), name, d->name, driver, d->driver, gibibytes(d->global_memory),
               gibibytes(d->max_allocation), (unsigned)d->compute_units);
        print_tuning(d);
    }
}

static json_t *describe(const device_info *d)
{
    tuning t;
    char *profile = profile_find(d, &t);
    json_t *profile_name = profile ? text_as_json(profile) : json_null();
    free(profile);
    return json_pack(
        "{s:i, s:i, s:o, s:o, s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:i, s:I, s:b, s:s, s:o}",
        "platform_index", d->platform_index, "device_index", d->device_index, "platform",
        text_as_json(d->platform), "name", text_as_json(d->name), "vendor", text_as_json(d->vendor),
        "kind", device_kind(d), "driver", text_as_json(d->driver), "version",
        text_as_json(d->version), "global_memory", (json_int_t)d->global_memory, "max_allocation",
        (json_int_t)d->max_allocation, "local_memory", (json_int_t)d->local_memory, "compute_units",
        (int)d->compute_units, "max_work_group", (json_int_t)d->max_work_group, "unified_memory",
        (int)d->unified_memory, "tuning_class", device_class(d)->name, "profile", profile_name);
}

static int print_document(const device_info *list, size_t count)
{
    json_t *devices = json_array();
    int broken = 0;
    for (size_t i = 0; i < count; i++)
        broken |= json_array_append_new(devices, describe(&list[i]));
    json_t *document = json_pack("{s:o}", "devices", devices);
    if (broken) {
        json_decref(document);
        document = NULL;
    }
    return print_json(document);
}

/* Without a config, but the environment may choose the class. */
static int read_class(const tuning_class **out)
{
    settings *s;
    if (settings_load(&s, NULL, NULL, 0))
        return -1;
    *out = tuning_class_named(s->device.class);
    settings_free(s);
    return 0;
}

static int run_devices(const options *given)
{
    const tuning_class *class;
    device_info *list;
    size_t count;
    if (read_class(&class) || devices_list(&list, &count))
        return -1;
    for (size_t i = 0; i < count; i++)
        list[i].class = class;
    int result = 0;
    if (given->json)
        result = print_document(list, count);
    else
        print_table(list, count);
    free(list);
    return result;
}

const command devices_command = {
    .name = "devices",
    .summary = "List the OpenCL platforms and devices",
    .arguments = "",
    .description = "Prints the OpenCL platforms and devices of this computer, with the indices\n"
                   "that --platform and --device take.\n",
    .examples = "  unblend devices\n",
    .options = OPTION_JSON,
    .run = run_devices,
};
