/*
 * A job: one picture of a worklist on its way from its file to those of its sources.
 *
 *     job_read(&j, w, item, how)    decoded; its sources have memory
 *     separator_run(s, &j.separation, 1)
 *     job_finish(&j, w, how)        measured, scored, written
 *     job_release(&j);
 *
 * Different jobs may be read and finished by different threads.
 */
#ifndef SEPARATE_JOB_H
#define SEPARATE_JOB_H

#include "separate/folder.h"

typedef struct job {
    work_item *item;
    struct image input;
    struct image sources[SOURCES_MAX];
    separation separation;
} job;

/* STATUS_DATA if it is no whole picture. */
int job_read(job *j, const worklist *w, work_item *item, const struct folder_options *how);

/* STATUS_DATA if a result cannot get its name. */
int job_finish(job *j, const separator *s, const worklist *w, const struct folder_options *how);

void job_release(job *j); /* an empty one is allowed */

/* Bytes that it takes on the host. */
size_t job_bytes(const job *j, const worklist *w);

#endif
