/*
 * A timeline: how long every command ran on the device, summed over those of the same layer,
 * direction and kernel.
 *
 *     timeline *t;
 *     if (timeline_start(&t, d)) ...         d's commands are timed from here on
 *     LAUNCH(d, k, ...);
 *     timeline_drain(t);                     once a step
 *     ... timeline_rows(t, &count) ...
 *     timeline_stop(t);
 *
 * Meanwhile d has another queue, one with profiling. Without a timeline a command costs the test of
 * a pointer.
 */
#ifndef OPENCL_TIMELINE_H
#define OPENCL_TIMELINE_H

#include "opencl/device.h"

typedef struct timeline timeline;

typedef struct timeline_row {
    const char *layer; /* device->annotation when it was enqueued: the pointer tells layers apart */
    bool backward;
    const char *file;    /* the kernel's .cl, "clblast", or "transfer" */
    const char *command; /* the kernel; or "read", "write", "copy", "fill" */
    long count;
    double seconds; /* on the device, from start to end */
} timeline_row;

/* Waits for what runs. At most one timeline a device. */
int timeline_start(timeline **out, device *d);

/* Waits for what runs, gives d its own queue back, and releases t; NULL is allowed. */
void timeline_stop(timeline *t);

/* Waits for all commands and adds their times. If it is not called for thousands of commands,
 * they drain by themselves: the device pauses for a moment, and the times stay right. */
int timeline_drain(timeline *t);

/* In the order of first use; t's, as long as nothing is timed. Only what was drained counts. */
const timeline_row *timeline_rows(const timeline *t, size_t *count);

/* Forgets the rows, after warming up. */
void timeline_clear(timeline *t);

/* ---- For whoever enqueues ---- */

/* Where to put the event of the command that is enqueued next; NULL if nobody wants it. The texts
 * must live as long as the timeline. */
cl_event *timeline_slot(device *d, const char *file, const char *name);

/* The same for a library's call, which may enqueue several commands and gives the last one's event:
 * counts from the end of what was enqueued before. */
cl_event *timeline_call(device *d, const char *file, const char *name);

/* For an event that has another owner too. */
void timeline_share(device *d, const char *file, const char *name, cl_event event);

#endif
