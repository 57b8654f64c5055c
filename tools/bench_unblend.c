/*
 * The benchmark's own side: times training steps and inference of a config's network, in the
 * protocol of bench_torch.py. The first line printed is a JSON object; then standard input says what
 * to run: "train K", "infer K", or "bare K" (training steps without what surrounds them) runs K steps
 * and prints the seconds, "quit" ends. What is not asked for is not built.
 *
 *     build/tools/bench_unblend configs/unet-small.ini [section.key=value ...]
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/streams.h"
#include "bench/step.h"
#include "compute/open_device.h"
#include "models/network.h"
#include "train/trainer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bench {
    settings *settings;
    device *device;
    trainer *trainer;
    params *params;
    network *inference;
} bench;

static int set_up(bench *b, const char *config, const char *const *overrides, size_t count)
{
    return settings_load(&b->settings, config, overrides, count) ||
                   open_device(&b->device, &b->settings->device)
               ? -1
               : 0;
}

static int infer(bench *b, long steps, double *seconds)
{
    double begun = clock_seconds();
    for (long i = 0; i < steps; i++)
        if (network_forward(b->inference))
            return -1;
    if (device_finish(b->device))
        return -1;
    *seconds = clock_seconds() - begun;
    return 0;
}

/* Once; kernels are compiled before anything is timed. */
static int prepare_training(bench *b)
{
    double seconds;
    return !b->trainer && (trainer_new(&b->trainer, b->device, b->settings, ".", false) ||
                           trainer_time_steps(b->trainer, 2, false, &seconds))
               ? -1
               : 0;
}

static int prepare_inference(bench *b)
{
    double seconds;
    int batch = b->settings->train.batch;
    rng random = rng_start(1, STREAM_BENCH);
    return !b->inference &&
                   (params_new(&b->params, b->device) ||
                    network_new(&b->inference, b->params, b->settings, batch, NETWORK_INFER) ||
                    params_allocate(b->params, false) || params_initialize(b->params, 1) ||
                    network_prepare(b->inference) ||
                    step_write_random(b->device, b->inference->mixture, &random) ||
                    infer(b, 2, &seconds))
               ? -1
               : 0;
}

static int answer(bench *b)
{
    char what[16];
    long steps;
    double seconds = 0;
    printf("{\"device\": \"%s\", \"kind\": \"%s\", \"units\": %u, \"batch\": %d}\n",
           b->device->info.name, device_kind(&b->device->info), b->device->info.compute_units,
           b->settings->train.batch);
    fflush(stdout);
    while (scanf("%15s", what) == 1 && strcmp(what, "quit")) {
        bool bare = !strcmp(what, "bare"), train = !strcmp(what, "train");
        if (!(bare || train || !strcmp(what, "infer")) || scanf("%ld", &steps) != 1 || steps < 1)
            return fail(STATUS_USAGE,
                        "\"train K\", \"bare K\", \"infer K\" or \"quit\" is expected");
        if (bare || train
                ? prepare_training(b) || trainer_time_steps(b->trainer, steps, bare, &seconds)
                : prepare_inference(b) || infer(b, steps, &seconds))
            return -1;
        printf("%.6f\n", seconds);
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    bench b = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: bench_unblend CONFIG.ini [section.key=value ...]\n");
        return STATUS_USAGE;
    }
    int result = set_up(&b, argv[1], (const char *const *)argv + 2, (size_t)argc - 2) || answer(&b);
    if (result)
        fprintf(stderr, "bench_unblend: %s\n", error_message());
    network_free(b.inference);
    params_free(b.params);
    trainer_free(b.trainer);
    device_close(b.device);
    settings_free(b.settings);
    return result ? (int)error_status() : 0;
}
