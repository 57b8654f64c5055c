/* unblend import FILE MODEL: a model of Keras or PyTorch as a model of unblend. */
#include "base/error.h"
#include "cli/cli.h"
#include "convert/keras.h"
#include "convert/pytorch.h"
#include <stdio.h>
#include <string.h>

static int run_import(const options *given)
{
    const char *from = given->arguments[0], *to = given->arguments[1];
    if (options_output(given))
        return -1;
    bool of_pytorch = given->from && !strcmp(given->from, "pytorch");
    if (given->from && !of_pytorch && strcmp(given->from, "keras") != 0)
        return fail(STATUS_USAGE, "import: --from %.40s: neither keras nor pytorch", given->from);
    if ((of_pytorch ? pytorch_import : keras_import)(from, to, given->sets, given->set_count))
        return -1;
    printf("%s\n", to);
    return 0;
}

const command import_command = {
    .name = "import",
    .summary = "Convert a Keras or PyTorch model",
    .arguments = "FILE MODEL",
    .description =
        "Reads FILE, a model or weights of Keras 2 or 3 (.h5, .weights.h5, .keras) of one\n"
        "of the two systems that README.md describes, and writes MODEL. Layers are matched\n"
        "by class, order and shape; sizes are inferred from them. A weights file holds\n"
        "neither the activation of a U-Net nor the picture size; give them with --set.\n"
        "With --from pytorch, FILE is a state dict in safetensors of the networks in\n"
        "tools/torch_unet.py and tools/torch_unet_transformer.py.\n",
    .examples = "  unblend import my_best_model.h5 best.safetensors\n"
                "  unblend import state.safetensors best.safetensors --from pytorch\n"
                "  unblend import best.weights.h5 best.safetensors --set model.activation=tanh\n",
    .options = OPTION_SET | OPTION_FORCE | OPTION_FROM,
    .least = 2,
    .most = 2,
    .run = run_import,
};
