/* Crews: every task once, in order, until one fails or stops the others. */
#define _GNU_SOURCE /* barriers */
#include "scratch.h"

#include "base/crew.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { TASKS = 500 };

/* What tasks tell of themselves. */
typedef struct diary {
    crew crew;
    pthread_mutex_t lock;
    int done[TASKS];     /* how often */
    size_t order[TASKS]; /* of their beginning */
    size_t count;
    size_t fails, stops; /* which task does; TASKS: none */
    int in_caller;       /* how many were done by the thread that waits */
    pthread_t caller;
    pthread_barrier_t meeting; /* of the first few */
    size_t meets;
} diary;

static void open_diary(diary *d, size_t meets)
{
    *d = (diary){.fails = TASKS, .stops = TASKS, .caller = pthread_self(), .meets = meets};
    pthread_mutex_init(&d->lock, NULL);
    if (meets)
        assert_int_equal(pthread_barrier_init(&d->meeting, NULL, (unsigned)meets), 0);
}

static void close_diary(diary *d)
{
    if (d->meets)
        pthread_barrier_destroy(&d->meeting);
    pthread_mutex_destroy(&d->lock);
}

static int note(void *context, size_t i)
{
    diary *d = context;
    pthread_mutex_lock(&d->lock);
    d->order[d->count++] = i;
    d->done[i]++;
    d->in_caller += pthread_equal(pthread_self(), d->caller) != 0;
    pthread_mutex_unlock(&d->lock);
    if (i < d->meets)
        pthread_barrier_wait(&d->meeting);
    if (i == d->stops)
        crew_stop(&d->crew);
    return i == d->fails ? (fail)(STATUS_DATA, "task %zu is bad", i) : 0;
}

static void assert_first_were_done(const diary *d, size_t count)
{
    for (size_t i = 0; i < TASKS; i++)
        assert_int_equal(d->done[i], i < count);
}

static void each_task_is_done_once(void **state)
{
    (void)state;
    static diary d;
    for (int threads = 0; threads <= 10; threads++) {
        open_diary(&d, 0);
        crew_start(&d.crew, threads, TASKS, note, &d);
        assert_true(d.crew.thread_count <= CREW_MOST);
        assert_int_equal(crew_wait(&d.crew), 0);
        assert_int_equal(crew_begun(&d.crew), TASKS);
        assert_first_were_done(&d, TASKS);
        close_diary(&d);
    }
}

/* Four threads meet in the first four tasks: so many are at work at a time, and no other task has begun before. */
static void tasks_begin_in_order(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    static diary d;
    open_diary(&d, THREADS);
    crew_start(&d.crew, THREADS, TASKS, note, &d);
    assert_int_equal(d.crew.thread_count, THREADS);
    assert_int_equal(crew_wait(&d.crew), 0);
    for (int i = 0; i < THREADS; i++)
        assert_true(d.order[i] < THREADS);
    close_diary(&d);
    open_diary(&d, 0); /* and one thread does one after another */
    crew_start(&d.crew, 1, TASKS, note, &d);
    assert_int_equal(crew_wait(&d.crew), 0);
    for (size_t i = 0; i < TASKS; i++)
        assert_int_equal(d.order[i], i);
    close_diary(&d);
}

static void without_threads_the_caller_does_the_tasks(void **state)
{
    (void)state;
    static diary d;
    open_diary(&d, 0);
    crew_start(&d.crew, 0, TASKS, note, &d);
    assert_int_equal(d.count, 0);
    assert_int_equal(crew_wait(&d.crew), 0);
    assert_int_equal(d.in_caller, TASKS);
    close_diary(&d);
}

static void no_tasks_are_no_failure(void **state)
{
    (void)state;
    static diary d;
    for (int threads = 0; threads <= 3; threads++) {
        open_diary(&d, 0);
        crew_start(&d.crew, threads, 0, note, &d);
        assert_int_equal(d.crew.thread_count, 0);
        assert_int_equal(crew_wait(&d.crew), 0);
        assert_int_equal(crew_begun(&d.crew), 0);
        close_diary(&d);
    }
}

static void a_failure_is_the_last_task_of_its_thread(void **state)
{
    (void)state;
    static diary d;
    for (int threads = 0; threads <= 4; threads++) {
        open_diary(&d, 0);
        d.fails = 5;
        crew_start(&d.crew, threads, TASKS, note, &d);
        error_clear();
        assert_int_equal(crew_wait(&d.crew), -1);
        assert_error(STATUS_DATA, "task 5 is bad", "");
        size_t begun = crew_begun(&d.crew);
        assert_true(threads > 1 ? begun > 5 : begun == 6);
        assert_first_were_done(&d, begun); /* what began has ended, and nothing else began */
        close_diary(&d);
    }
}

/* All of two threads' tasks fail: there is one message, of one of them. */
static int fail_with_number(void *context, size_t i)
{
    pthread_barrier_wait(context);
    return (fail)((enum status)(STATUS_DATA + (int)i), "task %zu", i);
}

static void status_and_message_are_of_one_failure(void **state)
{
    (void)state;
    pthread_barrier_t both;
    crew c;
    assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
    crew_start(&c, 2, 2, fail_with_number, &both);
    assert_int_equal(crew_wait(&c), -1);
    int first = !strcmp(error_message(), "task 0");
    assert_error(first ? STATUS_DATA : (enum status)(STATUS_DATA + 1), first ? "task 0" : "task 1",
                 "");
    pthread_barrier_destroy(&both);
}

static void a_task_can_stop_the_others(void **state)
{
    (void)state;
    static diary d;
    for (int threads = 0; threads <= 4; threads++) {
        open_diary(&d, 0);
        d.stops = 7;
        crew_start(&d.crew, threads, TASKS, note, &d);
        assert_int_equal(crew_wait(&d.crew), 0); /* that is no failure */
        size_t begun = crew_begun(&d.crew);
        assert_true(threads > 1 ? begun > 7 : begun == 8);
        assert_first_were_done(&d, begun);
        close_diary(&d);
    }
}

/* So that a signal reaches the thread that asks for it. */
static int look_at_signals(void *context, size_t i)
{
    sigset_t *masks = context;
    return pthread_sigmask(SIG_SETMASK, NULL, &masks[i]);
}

static void threads_take_no_signals(void **state)
{
    (void)state;
    sigset_t masks[3], before, after;
    crew c;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    crew_start(&c, 3, 3, look_at_signals, masks);
    assert_int_equal(crew_wait(&c), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sigismember(&masks[i], SIGINT), 1);
        assert_int_equal(sigismember(&masks[i], SIGTERM), 1);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGINT), 0);
    assert_int_equal(sigismember(&after, SIGINT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_is_done_once),
        cmocka_unit_test(tasks_begin_in_order),
        cmocka_unit_test(without_threads_the_caller_does_the_tasks),
        cmocka_unit_test(no_tasks_are_no_failure),
        cmocka_unit_test(a_failure_is_the_last_task_of_its_thread),
        cmocka_unit_test(status_and_message_are_of_one_failure),
        cmocka_unit_test(a_task_can_stop_the_others),
        cmocka_unit_test(threads_take_no_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
