/*
 * Opening a device as every command does: the one that the settings' [device] section asks for,
 * with its profile.
 *
 *     device *d;
 *     if (open_device(&d, &settings->device)) ...
 *     device_close(d);
 */
#ifndef COMPUTE_OPEN_DEVICE_H
#define COMPUTE_OPEN_DEVICE_H

#include "config/config.h"
#include "opencl/device.h"

/* Opens it and tells the user which it is. */
int open_device(device **out, const struct device_config *c);
/* The same for a process that trains nothing: less is compiled (kernel_get()). */
int open_device_for_inference(device **out, const struct device_config *c);
/* Like open_device(), leaving its profile aside. */
int open_device_untuned(device **out, const struct device_config *c);

/* device_open() (opencl/device.h) with the device's profile, if it has one that fits. */
int device_open_tuned(device **out, device_choice choice);

#endif
