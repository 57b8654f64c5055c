#include "base/crew.h"

#include <signal.h>

/* The number of the next task; false if there is none. */
static bool take(crew *c, size_t *i)
{
    pthread_mutex_lock(&c->lock);
    bool more = c->begun < c->count;
    if (more)
        *i = c->begun++;
    pthread_mutex_unlock(&c->lock);
    return more;
}

static void *work(void *context)
{
    crew *c = context;
    for (size_t i; take(c, &i);)
        if (c->task(c->context, i)) {
            first_failure_note(&c->failure);
            crew_stop(c);
        }
    return NULL;
}

void crew_start(crew *c, int threads, size_t count, crew_task *task, void *context)
{
    sigset_t all, before;
    *c = (crew){.task = task, .context = context, .count = count};
    pthread_mutex_init(&c->lock, NULL);
    first_failure_init(&c->failure);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (c->thread_count < threads && c->thread_count < CREW_MOST &&
           (size_t)c->thread_count < count &&
           !pthread_create(&c->threads[c->thread_count], NULL, work, c))
        c->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void crew_stop(crew *c)
{
    pthread_mutex_lock(&c->lock);
    c->count = c->begun;
    pthread_mutex_unlock(&c->lock);
}

int crew_wait(crew *c)
{
    if (!c->thread_count)
        work(c);
    for (int i = 0; i < c->thread_count; i++)
        pthread_join(c->threads[i], NULL);
    int result = first_failure_report(&c->failure);
    first_failure_release(&c->failure);
    pthread_mutex_destroy(&c->lock);
    return result;
}

size_t crew_begun(const crew *c)
{
    return c->begun;
}
