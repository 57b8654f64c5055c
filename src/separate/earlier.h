/* What stands in the output folder from earlier runs, and whether a job may write over it. */
#ifndef SEPARATE_EARLIER_H
#define SEPARATE_EARLIER_H

#include "separate/job.h"

#define MANIFEST_NAME "manifest.json"

/* STATUS_USAGE if a result of the job would replace a file that the output folder's manifest does
 * not list as a result of the same picture, or its manifest one that is not ours. */
int refuse_foreign_outputs(const job *j);

#endif
