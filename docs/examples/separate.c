/*
 * Separates one picture with libunblend: a PGM (gray) or PPM (colour) in, one for each source out.
 *
 *     cc separate.c -o separate $(pkg-config --cflags --libs unblend)
 *     ./separate unet.safetensors cat.pgm           # writes mnist.pgm and fashion.pgm
 */
#include <stdio.h>
#include <stdlib.h>
#include <unblend.h>

/* Reads a binary PGM or PPM of 8 bits without comments; NULL if the file is anything else. */
static unsigned char *read_picture(const char *path, int *width, int *height, int *channels)
{
    unsigned char *pixels = NULL;
    char kind;
    FILE *in = fopen(path, "rb");
    if (!in)
        return NULL;
    if (fscanf(in, "P%c %d %d 255", &kind, width, height) == 3 && (kind == '5' || kind == '6') &&
        fgetc(in) != EOF && *width > 0 && *height > 0 && *width <= 4096 && *height <= 4096) {
        *channels = kind == '6' ? 3 : 1;
        size_t size = (size_t)*width * (size_t)*height * (size_t)*channels;
        pixels = malloc(size);
        if (pixels && fread(pixels, 1, size, in) != size) {
            free(pixels);
            pixels = NULL;
        }
    }
    fclose(in);
    return pixels;
}

static int write_picture(const char *name, int width, int height, int channels,
                         const unsigned char *pixels)
{
    char path[64];
    size_t size = (size_t)width * (size_t)height * (size_t)channels;
    snprintf(path, sizeof path, "%s.%s", name, channels == 3 ? "ppm" : "pgm");
    FILE *out = fopen(path, "wb");
    if (!out)
        return -1;
    fprintf(out, "P%c\n%d %d\n255\n", channels == 3 ? '6' : '5', width, height);
    fwrite(pixels, 1, size, out);
    int failed = ferror(out);
    return fclose(out) || failed ? -1 : 0;
}

int main(int argc, char **argv)
{
    int width = 0, height = 0, channels = 0, failed = 1;
    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL PICTURE\n", argv[0]);
        return 2;
    }
    unsigned char *results = NULL, *pixels = read_picture(argv[2], &width, &height, &channels);
    ub_model *model = ub_open(argv[1], NULL);
    if (!model) {
        fprintf(stderr, "%s\n", ub_error());
    } else if (!pixels || channels != ub_channels(model)) {
        fprintf(stderr, "%s: a %s is needed\n", argv[2],
                ub_channels(model) == 3 ? "PPM (colour)" : "PGM (gray)");
    } else {
        size_t size = (size_t)width * (size_t)height * (size_t)channels;
        results = malloc((size_t)ub_sources(model) * size);
        failed = !results || ub_separate_bytes(model, 1, height, width, pixels, results);
        for (int k = 0; k < ub_sources(model) && !failed; k++)
            failed = write_picture(ub_source_name(model, k), width, height, channels,
                                   results + (size_t)k * size);
        if (failed)
            fprintf(stderr, "%s: not separated: %s\n", argv[2], ub_error());
    }
    ub_close(model);
    free(results);
    free(pixels);
    return failed;
}
