#include "separate/job.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "image/scores.h"
#include "models/typical.h"
#include "separate/truths.h"
#include <stdlib.h>

/* ---- Reading ---- */

/* A gray model takes a colour picture as gray unless told to take its channels; a colour model takes both as they
 * are. */
static int channels_wanted(const worklist *w, const struct folder_options *how)
{
    return w->mixture.format.channels == 1 && !how->channels ? 1 : 0;
}

static int prepare_sources(job *j, const worklist *w, int depth)
{
    const struct image *input = &j->input;
    j->separation = (separation){.width = input->width,
                                 .height = input->height,
                                 .channels = input->channels,
                                 .type = image_pixel_type(input),
                                 .mixture = input->pixels};
    for (int k = 0; k < w->mixture.sources; k++) {
        if (image_new_deep(&j->sources[k], input->width, input->height, input->channels,
                           depth ? depth : input->depth))
            return -1;
        j->separation.sources[k] = j->sources[k].pixels;
        j->separation.result_type = image_pixel_type(&j->sources[k]);
    }
    return 0;
}

int job_read(job *j, const worklist *w, work_item *item, const struct folder_options *how)
{
    struct image_request wanted = {.channels = channels_wanted(w, how), .deep = true, .tags = true};
    char *path = path_join(w->input, item->name);
    *j = (job){.item = item};
    int result = path ? image_read_as(path, &wanted, &j->input) : -1;
    free(path);
    item->width = j->input.width;
    item->height = j->input.height;
    if (!result)
        result = prepare_sources(j, w, how->depth);
    if (result)
        job_release(j);
    return result;
}

/* ---- Finishing ---- */

/* With the input's tags, which stay its own. */
static int write_like_input(const job *j, const worklist *w, int output,
                            const struct image *picture)
{
    struct image tagged = *picture;
    tagged.tags = j->input.tags;
    return worklist_write(w, j->item, output, &tagged);
}

static int write_outputs(const job *j, const worklist *w, const struct image *residual)
{
    for (int k = 0; k < w->mixture.sources; k++)
        if (write_like_input(j, w, k, &j->sources[k]))
            return -1;
    return (j->item->outputs[OUTPUT_RESIDUAL] &&
            write_like_input(j, w, OUTPUT_RESIDUAL, residual)) ||
                   (j->item->outputs[OUTPUT_INPUT] &&
                    write_like_input(j, w, OUTPUT_INPUT, &j->input))
               ? -1
               : 0;
}

/* Its residual, as a picture too where one is wanted, and what is unusual about it. */
static int measure(job *j, const worklist *w, const struct folder_options *how,
                   struct image *residual)
{
    const struct image *like = &j->sources[0];
    if (j->item->outputs[OUTPUT_RESIDUAL] &&
        image_new_deep(residual, like->width, like->height, like->channels, like->depth))
        return -1;
    j->item->residual =
        residual_measure(&how->rule, &j->input, j->sources, residual->pixels ? residual : NULL);
    return typical_compare(how->typical,
                           typical_of_image(&j->input, &w->mixture, j->item->residual),
                           &j->item->warning);
}

int job_finish(job *j, const separator *s, const worklist *w, const struct folder_options *how)
{
    struct image residual = {0};
    char *path = path_join(w->input, j->item->name);
    int result = !path || separator_check(s, &j->separation, path) ||
                         measure(j, w, how, &residual) ||
                         (how->truths &&
                          truths_score(how->truths, w, j->item, j->sources, how->any_order)) ||
                         write_outputs(j, w, &residual)
                     ? -1
                     : 0;
    if (!result)
        j->item->status = WORK_DONE;
    image_release(&residual);
    free(path);
    return result;
}

void job_release(job *j)
{
    image_release(&j->input);
    for (int k = 0; k < SOURCES_MAX; k++)
        image_release(&j->sources[k]);
}

size_t job_bytes(const job *j, const worklist *w)
{
    size_t values = (size_t)j->input.width * (size_t)j->input.height * (size_t)j->input.channels;
    return values * (size_t)(j->input.depth / 8) * (size_t)(1 + w->mixture.sources);
}
