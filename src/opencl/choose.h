/* Which device of a list is meant; see device_open(). */
#ifndef OPENCL_CHOOSE_H
#define OPENCL_CHOOSE_H

#include "opencl/device.h"

/* The entry of list that platform and name select; NULL (STATUS_USAGE) if there is none, with
 * what there is in the message. */
const device_info *device_choose(const device_info *list, size_t count, const char *platform,
                                 const char *name);

#endif
