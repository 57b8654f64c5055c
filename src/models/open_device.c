#include "models/open_device.h"

#include "base/log.h"
#include <string.h>

static enum kernel_family family_named(const char *name)
{
    return !strcmp(name, "vector")  ? KERNELS_VECTOR
           : !strcmp(name, "tiled") ? KERNELS_TILED
                                    : KERNELS_AUTO;
}

int open_device(device **out, const settings *s)
{
    if (device_open(out, settings_text(s, "device.platform"), settings_text(s, "device.device"),
                    family_named(settings_text(s, "device.kernels"))))
        return -1;
    log_info("device: %s (%s)", (*out)->info.name, device_kind(&(*out)->info));
    return 0;
}
