/* unblend export MODEL FILE.h5: a model's weights for Keras. */
#include "base/error.h"
#include "cli/cli.h"
#include "convert/keras.h"
#include <stdio.h>

static int run_export(const options *given)
{
    const char *to = given->arguments[1];
    model_file m;
    if (options_output(given) || options_model(given, given->arguments[0], &m))
        return -1;
    int result = keras_export(&m, to) ? fail_while("%s", given->arguments[0]) : 0;
    if (!result)
        printf("%s\n", to);
    model_close(&m);
    return result;
}

const command export_command = {
    .name = "export",
    .summary = "Write a model's weights for Keras",
    .arguments = "MODEL FILE",
    .description =
        "Writes the weights of MODEL to FILE, an .h5 file that load_weights() of the same\n"
        "functional model reads in Keras. MODEL must be a U-Net or UNet-Transformer\n"
        "without unblend's extensions: stages, residual, gated or consistent modules,\n"
        "attention behind encoder modules, no skips, no batch norms.\n",
    .examples = "  unblend export runs/small/model.safetensors small.h5\n",
    .options = OPTION_FORCE,
    .least = 2,
    .most = 2,
    .run = run_export,
};
