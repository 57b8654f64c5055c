/*
 * A trained network on a device: params and network of one model file.
 *
 *     trained t;
 *     if (trained_open(&t, d, m.settings, m.tensors, path, 50)) ...
 *     plan_forward(t.network->plan);
 *     trained_close(&t);
 */
#ifndef MODELS_TRAINED_H
#define MODELS_TRAINED_H

#include "config/settings.h"
#include "exchange/params_file.h"
#include "models/network.h"

typedef struct trained {
    params *params;
    network *network; /* to infer */
} trained;

/* use: NETWORK_INFER or NETWORK_PROJECT. weights were read from path, which is for messages. All arguments stay the caller's; *out is
 * empty on failure. */
int trained_open(trained *out, device *d, const settings *s, const safetensors *weights,
                 const char *path, int batch, enum network_use use);
void trained_close(trained *t);

/* STATUS_DATA: what the model in path gives is not finite. picture: "" or " for a black picture". */
int trained_output_failed(const char *path, const char *picture);

#endif
