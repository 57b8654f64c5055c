#include "opencl/timeline.h"

#include "base/error.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

enum { COMMANDS_MAX = 4096 };

/* A command whose time is not known yet. */
typedef struct timed_command {
    timeline_row what; /* without count and seconds */
    cl_event event;    /* NULL: it was not enqueued after all */
    cl_event before;   /* a marker: the command counts from its end; NULL: from its own start */
} timed_command;

struct timeline {
    device *device;
    cl_command_queue own; /* the device's, which it gets back */
    timed_command commands[COMMANDS_MAX];
    size_t command_count;
    timeline_row *rows;
    size_t count, capacity;
    bool failed; /* while draining by itself; the message is recorded */
};

int timeline_start(timeline **out, device *d)
{
    if (d->timeline)
        return fail(STATUS_RUNTIME, "%s: is timed already", d->info.name);
    timeline *t = allocate(1, sizeof *t);
    if (!t)
        return -1;
    cl_int code;
    cl_command_queue timed =
        clCreateCommandQueue(d->context, d->info.id, CL_QUEUE_PROFILING_ENABLE, &code);
    if (cl_check(d, code, "clCreateCommandQueue with profiling", __FILE__, __LINE__) ||
        device_finish(d)) {
        if (timed)
            clReleaseCommandQueue(timed);
        free(t);
        return -1;
    }
    t->device = d;
    t->own = d->queue;
    d->queue = timed;
    d->timeline = t;
    *out = t;
    return 0;
}

static void release_events(timeline *t)
{
    for (size_t i = 0; i < t->command_count; i++) {
        timed_command *p = &t->commands[i];
        if (p->event)
            clReleaseEvent(p->event);
        if (p->before)
            clReleaseEvent(p->before);
    }
    t->command_count = 0;
}

void timeline_stop(timeline *t)
{
    if (!t)
        return;
    device *d = t->device;
    clFinish(d->queue);
    release_events(t);
    clReleaseCommandQueue(d->queue);
    d->queue = t->own;
    d->timeline = NULL;
    free(t->rows);
    free(t);
}

/* ---- Sums ---- */

static bool is_same(const timeline_row *a, const timeline_row *b)
{
    return a->layer == b->layer && a->backward == b->backward && !strcmp(a->file, b->file) &&
           !strcmp(a->command, b->command);
}

static int add(timeline *t, const timeline_row *what, double seconds)
{
    size_t i = 0;
    while (i < t->count && !is_same(&t->rows[i], what))
        i++;
    if (i == t->count) {
        if (grow(&t->rows, &t->capacity, t->count + 1, sizeof *t->rows))
            return -1;
        t->rows[t->count++] = *what;
    }
    t->rows[i].count++;
    t->rows[i].seconds += seconds;
    return 0;
}

/* When the event's command started or ended, in nanoseconds of the device's clock. */
static int ask(const timeline *t, cl_event event, cl_profiling_info what, cl_ulong *time)
{
    return CL_CALL(t->device, clGetEventProfilingInfo(event, what, sizeof *time, time, NULL));
}

static int add_command(timeline *t, const timed_command *p)
{
    cl_ulong start = 0, end = 0;
    /* a driver that does not time markers is no reason to stop */
    bool marked = p->before && !clGetEventProfilingInfo(p->before, CL_PROFILING_COMMAND_END,
                                                        sizeof start, &start, NULL);
    if ((!marked && ask(t, p->event, CL_PROFILING_COMMAND_START, &start)) ||
        ask(t, p->event, CL_PROFILING_COMMAND_END, &end))
        return -1;
    return add(t, &p->what, end > start ? (double)(end - start) * 1e-9 : 0);
}

int timeline_drain(timeline *t)
{
    int result = t->failed ? -1 : device_finish(t->device);
    for (size_t i = 0; i < t->command_count && !result; i++)
        if (t->commands[i].event)
            result = add_command(t, &t->commands[i]);
    release_events(t);
    return result;
}

const timeline_row *timeline_rows(const timeline *t, size_t *count)
{
    *count = t->count;
    return t->rows;
}

void timeline_clear(timeline *t)
{
    t->count = 0;
}

/* ---- For whoever enqueues ---- */

static timed_command *next_command(device *d, const char *file, const char *name)
{
    timeline *t = d->timeline;
    if (!t)
        return NULL;
    if (t->command_count == COMMANDS_MAX && timeline_drain(t))
        t->failed = true;
    timed_command *p = &t->commands[t->command_count++];
    *p = (timed_command){.what = {d->annotation.layer, d->annotation.backward, file, name, 0, 0}};
    return p;
}

cl_event *timeline_slot(device *d, const char *file, const char *name)
{
    timed_command *p = next_command(d, file, name);
    return p ? &p->event : NULL;
}

cl_event *timeline_call(device *d, const char *file, const char *name)
{
    timed_command *p = next_command(d, file, name);
    if (p && clEnqueueMarkerWithWaitList(d->queue, 0, NULL, &p->before))
        p->before = NULL;
    return p ? &p->event : NULL;
}

void timeline_share(device *d, const char *file, const char *name, cl_event event)
{
    timed_command *p = next_command(d, file, name);
    if (p && !clRetainEvent(event))
        p->event = event;
}
