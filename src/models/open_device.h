/* The device that a config's [device] section asks for. */
#ifndef MODELS_OPEN_DEVICE_H
#define MODELS_OPEN_DEVICE_H

#include "config/config.h"
#include "opencl/device.h"

/* Opens it and tells the user which it is. */
int open_device(device **out, const struct device_config *c);
/* The same, leaving its profile aside. */
int open_device_untuned(device **out, const struct device_config *c);

#endif
