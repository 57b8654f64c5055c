/* unblend pack MODEL FILE: a model with 16-bit weights, in about half the room. */
#include "cli/cli.h"
#include <stdio.h>

static int run_pack(const options *given)
{
    const char *path = given->arguments[1];
    model_file m;
    if (options_output(given) || options_model(given, given->arguments[0], &m))
        return -1;
    int result = model_pack(&m, path);
    if (!result)
        printf("%s\n", path);
    model_close(&m);
    return result;
}

const command pack_command = {
    .name = "pack",
    .summary = "Write a model with 16-bit weights, in half the room",
    .arguments = "MODEL FILE",
    .description =
        "Writes the model MODEL to FILE with its kernels as 16-bit numbers (F16), which\n"
        "every command reads. `unblend evaluate` shows what that costs.\n",
    .examples = "  unblend pack runs/first/model.safetensors first.safetensors\n",
    .options = OPTION_FORCE,
    .least = 2,
    .most = 2,
    .run = run_pack,
};
