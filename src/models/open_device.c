#include "models/open_device.h"

#include "base/log.h"
#include <string.h>

static enum kernel_family family_named(const char *name)
{
    return !strcmp(name, "vector")  ? KERNELS_VECTOR
           : !strcmp(name, "tiled") ? KERNELS_TILED
                                    : KERNELS_AUTO;
}

static int open_with(int (*open)(device **, device_choice), device **out,
                     const struct device_config *c)
{
    device_choice choice = {.platform = c->platform,
                            .device = c->device,
                            .kernels = family_named(c->kernels),
                            .class = tuning_class_named(c->class)};
    if (open(out, choice))
        return -1;
    log_info("device: %s (%s)", (*out)->info.name, device_kind(&(*out)->info));
    return 0;
}

int open_device(device **out, const struct device_config *c)
{
    return open_with(device_open, out, c);
}

int open_device_untuned(device **out, const struct device_config *c)
{
    return open_with(device_open_untuned, out, c);
}
