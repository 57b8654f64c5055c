#include "models/open_device.h"

#include "base/log.h"
#include <string.h>

static enum kernel_family family_named(const char *name)
{
    return !strcmp(name, "vector")  ? KERNELS_VECTOR
           : !strcmp(name, "tiled") ? KERNELS_TILED
                                    : KERNELS_AUTO;
}

static int open_with(int (*open)(device **, device_choice), device **out, const settings *s)
{
    device_choice choice = {.platform = settings_text(s, "device.platform"),
                            .device = settings_text(s, "device.device"),
                            .kernels = family_named(settings_text(s, "device.kernels")),
                            .class = tuning_class_named(settings_text(s, "device.class"))};
    if (open(out, choice))
        return -1;
    log_info("device: %s (%s)", (*out)->info.name, device_kind(&(*out)->info));
    return 0;
}

int open_device(device **out, const settings *s)
{
    return open_with(device_open, out, s);
}

int open_device_untuned(device **out, const settings *s)
{
    return open_with(device_open_untuned, out, s);
}
