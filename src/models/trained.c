#include "models/trained.h"

#include "base/error.h"

int trained_open(trained *out, device *d, const settings *s, const safetensors *weights,
                 const char *path, int batch, enum network_use use)
{
    *out = (trained){0};
    if (!params_new(&out->params, d) && !network_new(&out->network, out->params, s, batch, use) &&
        !params_allocate(out->params, false) && !params_load(out->params, weights, path) &&
        !network_prepare(out->network))
        return 0;
    trained_close(out);
    return -1;
}

void trained_close(trained *t)
{
    network_free(t->network);
    params_free(t->params);
    *t = (trained){0};
}

int trained_output_failed(const char *path, const char *picture)
{
    return fail(STATUS_DATA,
                "%s: the model's output is not a number%s; its weights are damaged, or the device "
                "is (`unblend selftest`)",
                path, picture);
}
