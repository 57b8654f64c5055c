/*
 * libunblend: separate a blended picture, the average of two, into the two with a trained model.
 *
 *     ub_separator *s = ub_open("unet.safetensors", NULL, NULL);
 *     if (!s || ub_separate(s, pixels, 32, 32, 1, a, b))
 *         fprintf(stderr, "%s\n", ub_error());
 *     ub_close(s);
 *
 * Link with -lunblend -lOpenCL -liniparser -lpng -ljpeg -ljansson -lz -lmd -lm. The library prints
 * nothing. A separator is used by one thread at a time; several separators are independent.
 */
#ifndef UNBLEND_H
#define UNBLEND_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ub_separator ub_separator;

/*
 * Loads a model file onto an OpenCL device. platform and device choose it as the command line does:
 * an index as `unblend devices` prints it or part of a name; NULL leaves the choice to the
 * environment (UNBLEND_PLATFORM, UNBLEND_DEVICE), then to unblend. The kernels (*.cl) are looked for
 * in the directory UNBLEND_CL_DIR, beside the program, and where unblend was installed.
 * NULL on failure; see ub_error().
 */
ub_separator *ub_open(const char *model_path, const char *platform, const char *device);
void ub_close(ub_separator *s); /* NULL is allowed */

/* What the model calls its source 0 or 1, e.g. "mnist"; NULL for any other number. Valid until
 * ub_close(). */
const char *ub_source_name(const ub_separator *s, int source);

/*
 * Separates count pictures of one size, 28 x 28 or 32 x 32: gray, one byte a pixel, (count, height,
 * width) without gaps. out_a and out_b have the same size and get the two sources. Returns 0, or -1
 * on failure, when what out_a and out_b hold is of no use.
 */
int ub_separate(ub_separator *s, const unsigned char *pixels, int width, int height, int count,
                unsigned char *out_a, unsigned char *out_b);

/* Why the last call of this thread failed; "" if none did. Valid until the next call. */
const char *ub_error(void);

#ifdef __cplusplus
}
#endif

#endif
