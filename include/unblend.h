/*
 * libunblend: takes blended pictures, averages of several, apart with a trained model.
 *
 *     #include <unblend.h>
 *
 *     ub_model *model = ub_open("unet.safetensors", NULL);
 *     if (!model || ub_separate_bytes(model, 1, 32, 32, pixels, results))
 *         fprintf(stderr, "%s\n", ub_error());
 *     ub_close(model);
 *
 * docs/examples/separate.c is a whole program. It is built against an installed unblend with
 *
 *     cc separate.c $(pkg-config --cflags --libs unblend)
 *
 * or, so that libunblend.a becomes part of it, with the libraries that
 *
 *     pkg-config --static --libs unblend | sed 's/-lunblend/-l:libunblend.a/'
 *
 * prints.
 *
 * Pictures in memory: n of one size are an array (n, height, width, channels) without gaps; rows run
 * from the top, channels are gray, or red, green, blue. The results of a model of K sources are one
 * array (K, n, height, width, channels): all pictures of source 0, then all of source 1, and so on.
 *
 * Errors: what can fail returns 0, or -1 (or NULL) after which ub_error() says why. A call that
 * failed leaves the model usable.
 *
 * Threads: a model is used by one thread at a time; different models may be used at the same time by
 * different threads. ub_error() is each thread's own.
 *
 * The library writes nothing to standard output or standard error. (OpenCL drivers may.) It keeps
 * compiled kernels in ~/.cache/unblend ($UNBLEND_CACHE_DIR and $UNBLEND_NO_CACHE say otherwise).
 */
#ifndef UNBLEND_H
#define UNBLEND_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#define UB_API __attribute__((visibility("default")))
#else
#define UB_API
#endif

/* Of this header. Programs have to change when the first number does, or the second while the first is
 * 0; the shared library has another soname then. */
#define UB_VERSION "0.2.0"

/* Of the library that the program runs with. */
UB_API const char *ub_version(void);

/* Why this thread's last call failed; "" if it did not. Valid until the thread's next call. */
UB_API const char *ub_error(void);

/* ---- A model ---- */

typedef struct ub_model ub_model;

/* All 0 is the same as no options. */
typedef struct ub_open_options {
    /* Which OpenCL device: an index as `unblend devices` prints it, or part of a name. NULL leaves it
     * to the environment (UNBLEND_PLATFORM, UNBLEND_DEVICE), then to unblend: a GPU if there is one. */
    const char *platform;
    const char *device;
    /* How many pictures, or tiles of large ones, are computed at a time, at most; more take more memory. 0: 32. */
    int batch;
    /* Bytes of memory on the device that may be used, at most. Larger pictures are computed in tiles. 0: 1 GiB, or
     * half of what the device has. */
    size_t memory;
} ub_open_options;

/*
 * Loads a model onto a device and makes it ready. path is a file, or the name of a model that came with
 * unblend ("digits-fashion"). The first time on a device, this compiles kernels, which takes a while.
 * The kernels' sources (*.cl) are looked for in the directory
 * UNBLEND_CL_DIR, beside and above the program, and where unblend was installed. options may be NULL;
 * neither it nor path is needed after the call. NULL on failure.
 */
UB_API ub_model *ub_open(const char *path, const ub_open_options *options);
UB_API void ub_close(ub_model *model); /* NULL is allowed */

/* How many sources the model finds in a picture, and what it calls them, 0 to ub_sources() - 1, e.g.
 * "mnist"; NULL for any other number. Names are valid until ub_close(). */
UB_API int ub_sources(const ub_model *model);
UB_API const char *ub_source_name(const ub_model *model, int source);

/* The format of the pictures that the model was trained with, in pixels; channels is 1 (gray) or 3. */
UB_API int ub_width(const ub_model *model);
UB_API int ub_height(const ub_model *model);
UB_API int ub_channels(const ub_model *model);

/* 1 if the model takes pictures of that size, else 0: any size is taken that has a pixel. */
UB_API int ub_takes(const ub_model *model, int width, int height);

/* The name of the device it runs on; valid until ub_close(). */
UB_API const char *ub_device_name(const ub_model *model);

/* ---- Pictures in memory ---- */

/*
 * Separates n pictures of one size, each of the model's channels; results has room for ub_sources() times as
 * many values as pixels. Bytes are 0 (black) to 255; results are rounded. Floats are 0 (black) to 1;
 * results are what the network gives, which may lie a little outside. On failure, also if a result is
 * not a number, what results holds is of no use.
 */
UB_API int ub_separate_bytes(ub_model *model, int n, int height, int width,
                             const unsigned char *pixels, unsigned char *results);
UB_API int ub_separate_float(ub_model *model, int n, int height, int width, const float *pixels,
                             float *results);

/* ---- A folder of pictures ---- */

typedef struct ub_folder_options {
    /* Called after each batch: so many of the pictures in the folder were looked at. Anything but 0
     * stops. May be NULL, as the next one. */
    int (*progress)(void *context, size_t seen, size_t total);
    /* Called for each picture that failed, when all are done. why holds its path. */
    void (*failed)(void *context, const char *picture, const char *why);
    void *context; /* handed to both */
} ub_folder_options;

typedef struct ub_folder_counts {
    size_t pictures;  /* in the folder: separated + failed + left */
    size_t separated; /* whose results were written */
    size_t failed;    /* that could not be read, or could not be written */
    size_t left;      /* that were not looked at, because progress() stopped */
    size_t others;    /* files that are no pictures */
} ub_folder_counts;

/*
 * Separates every picture (PNG, JPEG, TIFF, WebP, PGM, PPM) of the folder input, as `unblend separate`
 * does: the results of cat.png are output/cat.SOURCE.png, and output/manifest.json says how each picture fared.
 * Nothing is overwritten but earlier results of the same pictures. The output folder is made if there
 * is none.
 *
 * 0 when the run came to its end, also if pictures failed: look at counts->failed. options and counts
 * may be NULL; counts is set on success.
 */
UB_API int ub_separate_folder(ub_model *model, const char *input, const char *output,
                              const ub_folder_options *options, ub_folder_counts *counts);

#ifdef __cplusplus
}
#endif

#endif
