#include "models/open_device.h"

#include "base/log.h"
#include <string.h>

static enum kernel_family family_named(const char *name)
{
    return !strcmp(name, "vector")  ? KERNELS_VECTOR
           : !strcmp(name, "tiled") ? KERNELS_TILED
                                    : KERNELS_AUTO;
}

static int open_with(int (*open)(device **, const char *, const char *, enum kernel_family),
                     device **out, const settings *s)
{
    if (open(out, settings_text(s, "device.platform"), settings_text(s, "device.device"),
             family_named(settings_text(s, "device.kernels"))))
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
