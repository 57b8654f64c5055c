#include "compute/open_device.h"

#include "base/error.h"
#include "base/log.h"
#include "compute/gemm.h"
#include "compute/profile.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* CLBlast may be another than the one that the profile was made with. */
static void use_profile(device *d)
{
    d->profile = profile_find(&d->info, &d->tuning);
    if (!d->profile || d->kernels != KERNELS_TILED || !gemm_override(d))
        return;
    fail_while("%s", d->profile);
    profile_warn();
    d->tuning = device_class(&d->info)->values;
    free(d->profile);
    d->profile = NULL;
}

int device_open_tuned(device **out, device_choice choice)
{
    if (device_open(out, choice))
        return -1;
    use_profile(*out);
    return 0;
}

static enum kernel_family family_named(const char *name)
{
    if (!strcmp(name, "vector"))
        return KERNELS_VECTOR;
    if (!strcmp(name, "tiled"))
        return KERNELS_TILED;
    assert(!strcmp(name, "auto")); /* the settings allow nothing else */
    return KERNELS_AUTO;
}

static int open_with(int (*open)(device **, device_choice), device **out,
                     const struct device_config *c, bool inference)
{
    device_choice choice = {.platform = c->platform,
                            .device = c->device,
                            .kernels = family_named(c->kernels),
                            .class = tuning_class_named(c->class),
                            .inference = inference};
    if (open(out, choice))
        return -1;
    log_info("device: %s (%s)", (*out)->info.name, device_kind(&(*out)->info));
    return 0;
}

int open_device(device **out, const struct device_config *c)
{
    return open_with(device_open_tuned, out, c, false);
}

int open_device_for_inference(device **out, const struct device_config *c)
{
    return open_with(device_open_tuned, out, c, true);
}

int open_device_untuned(device **out, const struct device_config *c)
{
    return open_with(device_open, out, c, false);
}
