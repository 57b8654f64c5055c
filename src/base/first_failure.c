#include "base/first_failure.h"

#include "base/memory.h"
#include <stdlib.h>

void first_failure_init(first_failure *f)
{
    *f = (first_failure){.status = STATUS_OK};
    pthread_mutex_init(&f->lock, NULL);
}

void first_failure_release(first_failure *f)
{
    pthread_mutex_destroy(&f->lock);
    free(f->message);
}

void first_failure_note(first_failure *f)
{
    pthread_mutex_lock(&f->lock);
    if (f->status == STATUS_OK) {
        f->status = error_status();
        f->message = copy_text(error_message());
    }
    pthread_mutex_unlock(&f->lock);
}

int first_failure_report(first_failure *f)
{
    pthread_mutex_lock(&f->lock);
    int result = f->status == STATUS_OK
                     ? 0
                     : fail(f->status, "%s", f->message ? f->message : "out of memory");
    pthread_mutex_unlock(&f->lock);
    return result;
}
