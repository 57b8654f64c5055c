/*
 * Profiles: what `unblend tune` found for a device, an INI file in $UNBLEND_PROFILE_DIR,
 * $XDG_CONFIG_HOME/unblend/profiles or ~/.config/unblend/profiles.
 *
 *     [profile]
 *     format = 1
 *     platform = Portable Computing Language
 *     device = cpu-haswell-Intel(R) Core(TM) i7-4770
 *     driver = 5.0
 *     kernels = 0123456789abcdef     a hash of the .cl files that are built with tuned sizes
 *     [vector]
 *     tile = 6                       and so on: the table of compute/tunables.h
 *
 * A value that is not there is the class's. [xgemm] and [xgemm_direct] override CLBlast's
 * parameters with what CLBlast's own tuners have found; `unblend tune` leaves them as they are. A
 * profile of another device, driver or other kernels is stale: its sizes may be slow there, or not
 * run at all.
 */
#ifndef COMPUTE_PROFILE_H
#define COMPUTE_PROFILE_H

#include "opencl/device.h"

/* Where the device's profile is or would be; release with free(). STATUS_RUNTIME if the environment
 * names no place. */
char *profile_path(const device_info *info);

/* The tuning that the device starts with: its profile's, whose path is returned (release with
 * free()), or its class's and NULL. A profile that cannot be used causes a warning. */
char *profile_find(const device_info *info, tuning *out);

/* Warns of the profile that the recorded error is about, and clears the error. */
void profile_warn(void);

/* -1 if the file is not a profile for this device as it is now; *out is untouched then. */
int profile_read(const char *path, const device_info *info, tuning *out);

/* Makes its directory; fails if nothing could be written there. */
int profile_prepare(const char *path);
int profile_write(const char *path, const device_info *info, const tuning *t);

#endif
