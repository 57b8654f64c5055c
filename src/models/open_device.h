/* The device that the settings' [device] section asks for. */
#ifndef MODELS_OPEN_DEVICE_H
#define MODELS_OPEN_DEVICE_H

#include "config/settings.h"
#include "opencl/device.h"

/* Opens it and tells the user which it is. */
int open_device(device **out, const settings *s);
/* The same, leaving its profile aside. */
int open_device_untuned(device **out, const settings *s);

#endif
