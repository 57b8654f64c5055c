/*
 * Opening a device as every command does: the one that the settings' [device] section asks for, with
 * its profile.
 *
 *     device *d;
 *     if (open_device(&d, settings)) ...
 *     device_close(d);
 */
#ifndef COMPUTE_OPEN_DEVICE_H
#define COMPUTE_OPEN_DEVICE_H

#include "config/settings.h"
#include "opencl/device.h"

/* Opens it and tells the user which it is. */
int open_device(device **out, const settings *s);
/* The same, leaving its profile aside. */
int open_device_untuned(device **out, const settings *s);

/* device_open() (opencl/device.h) with the device's profile, if it has one that fits. */
int device_open_tuned(device **out, device_choice choice);

#endif
