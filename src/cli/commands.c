#include "base/error.h"
#include "base/guess.h"
#include "cli/cli.h"
#include <string.h>

const command commands[] = {
    {.name = "devices",
     .summary = "List the OpenCL platforms and devices",
     .arguments = "",
     .description = "Prints the OpenCL platforms and devices of this computer, with the indices\n"
                    "that --platform and --device take.\n",
     .examples = "  unblend devices\n",
     .options = OPTION_JSON,
     .run = command_devices},
    {.name = "train",
     .summary = "Train a model as a config file says",
     .arguments = "CONFIG",
     .description = "Trains the model that CONFIG, an INI file, describes. `unblend help config`\n"
                    "prints every key with its default.\n",
     .examples = "  unblend train configs/unet.ini --run runs/first\n"
                 "  unblend train configs/unet.ini --run runs/small --set model.filters=32\n",
     .options = OPTIONS_COMPUTE | OPTION_RUN | OPTION_SET | OPTION_SEED | OPTION_FORCE,
     .least = 1,
     .most = 1,
     .run = command_train},
    {.name = "separate",
     .summary = "Separate blended images into their two sources",
     .arguments = "MODEL INPUT OUTPUT",
     .description =
         "Separates INPUT, an image or a directory of images, with the trained MODEL and\n"
         "writes the two sources of each image to the directory OUTPUT.\n",
     .examples = "  unblend separate models/unet.safetensors mixtures/ separated/\n",
     .options = OPTIONS_COMPUTE | OPTION_STRICT | OPTION_BATCH | OPTION_JSON,
     .least = 3,
     .most = 3,
     .run = command_separate},
    {.name = "evaluate",
     .summary = "Measure a model's error on the test sets",
     .arguments = "MODEL",
     .description =
         "Measures the mean squared error of MODEL on random pairs of the two test sets,\n"
         "several times with fresh pairs, and prints mean and standard deviation.\n",
     .examples = "  unblend evaluate models/unet.safetensors\n",
     .options =
         OPTIONS_COMPUTE | OPTION_RUNS | OPTION_SAMPLES | OPTION_SEED | OPTION_DATA | OPTION_JSON,
     .least = 1,
     .most = 1,
     .run = command_evaluate},
    {.name = "mix",
     .summary = "Make blended images to try a model on",
     .arguments = "OUTPUT",
     .description = "Blends random pairs of the two test sets and writes the mixtures and their\n"
                    "sources as images to the directory OUTPUT.\n",
     .examples = "  unblend mix mixtures/ --count 20\n",
     .options = OPTION_COUNT | OPTION_SEED | OPTION_DATA,
     .least = 1,
     .most = 1,
     .run = command_mix},
    {.name = "info",
     .summary = "Describe a model file",
     .arguments = "MODEL",
     .description = "Prints the layers, shapes, parameters and settings of MODEL.\n",
     .examples = "  unblend info models/unet.safetensors\n",
     .options = OPTION_JSON,
     .least = 1,
     .most = 1,
     .run = command_info},
    {.name = "selftest",
     .summary = "Check every kernel on a device against the CPU",
     .arguments = "[MODEL]",
     .description = "Runs every kernel on the device and compares with a plain computation; with\n"
                    "MODEL, at the shapes of that model.\n",
     .examples = "  unblend selftest --device 0\n",
     .options = OPTIONS_COMPUTE | OPTION_JSON,
     .most = 1,
     .run = command_selftest},
};
const size_t command_count = sizeof commands / sizeof commands[0];

const command *command_find(const char *name)
{
    guess g = guess_of(name);
    for (size_t i = 0; i < command_count; i++) {
        if (!strcmp(commands[i].name, name))
            return &commands[i];
        guess_offer(&g, commands[i].name, commands[i].name);
    }
    fail(STATUS_USAGE, "unknown command %.80s%s (see `unblend --help`)", name, g.hint);
    return NULL;
}
