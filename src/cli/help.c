#include "cli/cli.h"

void help_overview(FILE *out)
{
    fputs("unblend separates an image that is the average of several pictures into them.\n"
          "\n"
          "Usage: unblend COMMAND [ARGUMENTS] [OPTIONS]\n"
          "\n"
          "Commands:\n",
          out);
    for (size_t i = 0; command_at(i); i++)
        fprintf(out, "  %-10s %s\n", command_at(i)->name, command_at(i)->summary);
    fputs("\n"
          "Help:\n"
          "  unblend COMMAND --help   arguments, options and examples of a command\n"
          "  unblend help config      every key of a config file, with its default\n"
          "  unblend --version        the version\n"
          "\n"
          "Example:\n"
          "  unblend mix mixtures/ --count 20\n"
          "  unblend separate models/unet.safetensors mixtures/ separated/\n",
          out);
}

void help_command(const command *c, FILE *out)
{
    fprintf(out, "%s.\n\nUsage: unblend %s%s%s [OPTIONS]\n\n%s", c->summary, c->name,
            *c->arguments ? " " : "", c->arguments, c->description);
    fputs("\nOptions:\n", out);
    options_print(c->options, out);
    fprintf(out, "\nExample:\n%s", c->examples);
}
