/*
 * The speed of a config's network on a device: of the training step (stepper.h's, from mixing to
 * Adam) and of inference, whole and layer by layer.
 *
 *     bench_report r = {0};
 *     if (bench_run(&r, d, settings)) ...
 *     bench_report_release(&r);
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "bench/layer_times.h"
#include "config/settings.h"

enum { BENCH_REPETITIONS = 7 };

typedef struct bench_figures {
    double first_step;                     /* seconds; drivers may still compile in it */
    double repetitions[BENCH_REPETITIONS]; /* seconds a step, shortest first */
    double step;                           /* their median */
    long steps;                            /* in each repetition */
    size_t peak;                           /* bytes of device memory */
    layer_times times;                     /* from further steps, one at a time, with a timeline */
} bench_figures;

typedef struct bench_report {
    int batch;
    double set_up; /* seconds until the first training step could run, without compiling */
    bench_figures training, inference;
} bench_report;

/* At train.batch, on random pictures: of each source as many as MNIST has, but at most 128 MiB.
 * Released also after a failure. */
int bench_run(bench_report *out, device *d, const settings *s);
void bench_report_release(bench_report *r);

#endif
