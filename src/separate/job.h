/*
 * A job: which pictures of a folder are separated, where the results go, and how each one fared.
 * It also keeps the peace in the output folder: before anything is computed it is sure that no file
 * will be overwritten but results of the same pictures.
 *
 *     job *j;
 *     if (job_new(&j, "mixtures", "separated", (const char *[]){"mnist", "fashion"})) ...
 *     for (every j->files[i]) job_read(), separate, job_write(); or job_fail()
 *     job_free(j);
 *
 * A job as JSON is what manifest.json holds beside the facts about the run:
 *     {"input": "/whole/path", "output": "separated", "complete": true, "files": [
 *         {"input": "cat.png", "status": "done", "width": 28, "height": 28,
 *          "outputs": {"mnist": "cat.mnist.png", "fashion": "cat.fashion.png"}},
 *         {"input": "dog.png", "status": "failed", "error": "..."}],
 *      "not_pictures": ["notes.txt"],
 *      "earlier": [{"folder": "/whole/path", "input": "owl.png", "output": "owl.mnist.png"}]}
 * While "complete" is false, files that are not separated yet have the status "pending". "earlier" are
 * results of earlier runs that are still there; a picture that fails takes its own with it.
 */
#ifndef SEPARATE_JOB_H
#define SEPARATE_JOB_H

#include "base/json.h"
#include "data/folder.h"
#include "image/image.h"
#include "models/network.h"

enum job_status { JOB_PENDING, JOB_DONE, JOB_FAILED };

typedef struct job_file {
    char *name;             /* of the picture, in the input folder */
    char *outputs[SOURCES]; /* names in the output folder: NAME.SOURCE.png */
    bool ours[SOURCES];     /* such a result of this picture is there */
    enum job_status status;
    int width, height; /* once it was read */
    char *error;       /* JOB_FAILED */
} job_file;

typedef struct job {
    char *input;       /* the folder as it was given */
    char *whole_input; /* the same without links and dots */
    char *output;      /* the folder of the results; may be missing yet */
    char *source_names[SOURCES];
    job_file *files;
    size_t count;
    name_list others; /* files in the input folder that are no pictures */
    json_t *earlier;  /* results of earlier runs (earlier.h) */
} job;

/*
 * Lists the pictures of the folder input. Refused, before anything is written: an output folder
 * that is the input folder, two pictures with the same result names, and results that would replace
 * files which output/manifest.json does not list as results of these pictures.
 */
int job_new(job **out, const char *input, const char *output,
            const char *const source_names[SOURCES]);
void job_free(job *j);

/* The picture; of a size that can be separated, else STATUS_DATA. */
int job_read(const job *j, job_file *file, struct image *picture);

/* Writes the results, (height, width) each, and marks the file as done. STATUS_DATA if the folder
 * takes files but not one of that name. */
int job_write(const job *j, job_file *file, unsigned char *const sources[SOURCES]);

/* Marks the file as failed for the reason that is recorded, and removes results that it had: they are
 * of another picture, or of half a run. */
int job_fail(const job *j, job_file *file);
size_t job_count(const job *j, enum job_status status);

/* See above; NULL if memory ran out. */
json_t *job_as_json(const job *j, bool complete);

#endif
