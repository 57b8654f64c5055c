#include "cli/cli.h"

void help_overview(FILE *out)
{
    fputs("unblend separates an image that is the average of two pictures into the two.\n"
          "\n"
          "Usage: unblend COMMAND [ARGUMENTS] [OPTIONS]\n"
          "\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < command_count; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
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
