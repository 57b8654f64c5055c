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
     .arguments = "[CONFIG]",
     .description =
         "Trains the model that CONFIG, an INI file, describes, or goes on with a run that\n"
         "was stopped (--resume). `unblend help config` prints every key with its default.\n",
     .examples = "  unblend train configs/unet.ini --run runs/first\n"
                 "  unblend train --resume runs/first --set train.epochs=200\n"
                 "  unblend train configs/unet.ini --run runs/small --set model.filters=32\n",
     .options =
         OPTIONS_COMPUTE | OPTION_RUN | OPTION_RESUME | OPTION_SET | OPTION_SEED | OPTION_FORCE,
     .least = 0,
     .most = 1,
     .run = command_train},
    {.name = "search",
     .summary = "Search for the settings that train best",
     .arguments = "[SPACE]",
     .description =
         "Trains with different settings and compares. SPACE is a config with two more\n"
         "sections, or three; what [search] does not say is as here:\n"
         "\n"
         "  [search]\n"
         "  strategy = random      random, or halving: every trial gets few epochs, one in\n"
         "                         eta goes on with eta times as many, and so on\n"
         "  trials = 50            fewer if the space has fewer\n"
         "  eta = 3                of halving\n"
         "  min_epochs = 1         of halving\n"
         "  [space]\n"
         "  model.filters = 32 | 64 | 128             one of a list\n"
         "  train.learning_rate = 1e-4 .. 1e-2 log    in a range, log or linear\n"
         "  [final]\n"
         "  train.epochs = 100     over the best trial's config, for best.ini\n"
         "\n"
         "The run directory has trials.csv and trials.json, the best trial first, written\n"
         "as each one ends; best.ini, ready for `train`; and each trial's run in trials/.\n"
         "A trial that diverges or needs too much memory is recorded, and the search goes\n"
         "on. What was stopped goes on with --resume: no trial is lost or repeated.\n",
     .examples = "  unblend search configs/search-small.ini --run runs/search --train-best\n"
                 "  unblend search --resume runs/search\n"
                 "  unblend search configs/search.ini --trials 10 --set train.epochs=2\n",
     .options = OPTIONS_COMPUTE | OPTION_RUN | OPTION_RESUME | OPTION_SET | OPTION_SEED |
                OPTION_TRIALS | OPTION_TRAIN_BEST | OPTION_FORCE,
     .least = 0,
     .most = 1,
     .run = command_search},
    {.name = "separate",
     .summary = "Separate blended images into their two sources",
     .arguments = "MODEL INPUT OUTPUT",
     .description =
         "Separates every image (PNG, JPEG, PGM, PPM; 28x28 or 32x32) of the directory\n"
         "INPUT with the trained MODEL. The sources of cat.png are written to the directory\n"
         "OUTPUT as cat.SOURCE.png, and how each image fared as manifest.json.\n"
         "A bad image is skipped and counted: the exit code is then 8.\n",
     .examples = "  unblend separate models/unet.safetensors mixtures/ separated/\n",
     .options = OPTIONS_COMPUTE | OPTION_STRICT | OPTION_BATCH | OPTION_JSON,
     .least = 3,
     .most = 3,
     .run = command_separate},
    {.name = "evaluate",
     .summary = "Measure a model's error on the test sets",
     .arguments = "MODEL",
     .description =
         "Measures mean squared error, PSNR (dB) and SSIM of MODEL on random pairs of the\n"
         "two test sets, several times with fresh pairs, and prints mean and standard\n"
         "deviation. PSNR counts at most 100 dB an image; SSIM is that of Wang et al. 2004\n"
         "with Gaussian windows of 11x11 inside the image.\n",
     .examples = "  unblend evaluate models/unet.safetensors\n",
     .options =
         OPTIONS_COMPUTE | OPTION_RUNS | OPTION_SAMPLES | OPTION_SEED | OPTION_DATA | OPTION_JSON,
     .least = 1,
     .most = 1,
     .run = command_evaluate},
    {.name = "plot",
     .summary = "Draw a run's losses and what its model makes of test images",
     .arguments = "RUN",
     .description =
         "Draws RUN/history.svg from RUN/history.json: the losses of every epoch; and\n"
         "RUN/panel.png with RUN/model.safetensors: pairs of the test sets, a row each:\n"
         "input, truths, results, absolute errors.\n",
     .examples = "  unblend plot runs/first\n",
     .options = OPTIONS_COMPUTE | OPTION_COUNT | OPTION_SEED | OPTION_DATA,
     .least = 1,
     .most = 1,
     .run = command_plot},
    {.name = "mix",
     .summary = "Make blended images to try a model on",
     .arguments = "OUTPUT",
     .description = "Blends random pairs of the two test sets and writes the mixtures to the\n"
                    "directory OUTPUT, as 0001.png and so on, and what they are made of to\n"
                    "OUTPUT/truth, named as `separate` names its results.\n",
     .examples = "  unblend mix mixtures/ --count 20\n",
     .options = OPTION_COUNT | OPTION_SEED | OPTION_DATA | OPTION_FORCE,
     .least = 1,
     .most = 1,
     .run = command_mix},
    {.name = "info",
     .summary = "Describe a model file or a config",
     .arguments = "MODEL|CONFIG",
     .description =
         "Prints the layers of a network with their shapes, parameters and buffers, then\n"
         "totals and the memory that training and inference take. Needs no device.\n",
     .examples = "  unblend info models/unet.safetensors\n"
                 "  unblend info configs/unet.ini --set model.filters=32\n",
     .options = OPTION_SET | OPTION_JSON,
     .least = 1,
     .most = 1,
     .run = command_info},
    {.name = "selftest",
     .summary = "Check every kernel on a device against the CPU",
     .arguments = "[MODEL|CONFIG]",
     .description = "Runs every kernel on the device, forward and backward, and compares with a\n"
                    "plain computation: at the shapes of the model or config, or of the default.\n"
                    "Exits with 6 if a result is wrong.\n",
     .examples = "  unblend selftest --device 0\n",
     .options = OPTIONS_COMPUTE | OPTION_SET | OPTION_JSON,
     .most = 1,
     .run = command_selftest},
    {.name = "bench",
     .summary = "Measure how fast a network trains and infers, layer by layer",
     .arguments = "MODEL|CONFIG",
     .description =
         "Times training steps, from mixing to Adam, and inference on random pictures,\n"
         "which lie on the device already, after a warm-up. Then the commands of single\n"
         "steps are timed on the device, one by one: a table of the layers and of what\n"
         "belongs to none.\n"
         "\n"
         "  GFLOP/s     multiplications and additions of the direct algorithm (of\n"
         "              convolutions, dense layers, attention), over the time taken\n"
         "  GB/s        what must be read and written at least (inputs, outputs,\n"
         "              parameters, gradients, each once), over the time taken\n"
         "  compiling   making programs ready; drivers may put a part off to the first step\n"
         "  peak        the most device memory in use, with data sets as large as MNIST\n"
         "\n"
         "Of a model only the settings count.\n",
     .examples = "  unblend bench configs/unet.ini\n"
                 "  unblend bench configs/unet-small.ini --batch 64 --device 1 --json\n",
     .options = OPTIONS_COMPUTE | OPTION_SET | OPTION_TRAIN_BATCH | OPTION_JSON,
     .least = 1,
     .most = 1,
     .run = command_bench},
    {.name = "tune",
     .summary = "Find the sizes with which a device's kernels are fastest",
     .arguments = "[MODEL|CONFIG]",
     .description =
         "Tries sizes of the kernels, one after the other, and keeps what makes a training\n"
         "step of the model or config faster by more than 2 % (by default the steps of all\n"
         "architectures together). A size counts only if the results are those of the\n"
         "defaults. Takes minutes; do nothing else with the device meanwhile.\n"
         "\n"
         "What was found is the device's profile, which every command then uses, until the\n"
         "driver or unblend's kernels change: an INI file in ~/.config/unblend/profiles\n"
         "($XDG_CONFIG_HOME and $UNBLEND_PROFILE_DIR say otherwise). Without a profile there\n"
         "are defaults for each class of device; `unblend devices` says what is used.\n"
         "CLBlast's own tuners find its parameters, which [xgemm] and [xgemm_direct] of a\n"
         "profile can hold.\n",
     .examples = "  unblend tune\n"
                 "  unblend tune configs/unet.ini --batch 64 --device 1\n",
     .options = OPTIONS_COMPUTE | OPTION_SET | OPTION_TRAIN_BATCH | OPTION_QUICK,
     .most = 1,
     .run = command_tune},
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
