/*
 * How a function says that it failed.
 *
 * A function that can fail returns 0, or -1 after fail() recorded why and how the process should
 * exit. Callers pass -1 on (or NULL, where a pointer is returned) and may put what they were doing
 * in front with fail_while(). Only main.c and the tests look at the record.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* The process's exit codes; README.md lists them for users. */
enum status {
    STATUS_OK = 0,
    STATUS_RUNTIME = 1,  /* anything without a code of its own */
    STATUS_USAGE = 2,    /* command line or config */
    STATUS_DATA = 3,     /* input files */
    STATUS_DEVICE = 4,   /* no OpenCL device, or a kernel does not build */
    STATUS_MEMORY = 5,   /* host or device memory */
    STATUS_SELFTEST = 6, /* a kernel gives wrong results */
    STATUS_DIVERGED = 7, /* the loss became NaN or infinite */
    STATUS_PARTIAL = 8,  /* some images failed, the others are done */
    STATUS_SIGHUP = 129,
    STATUS_SIGINT = 130,
    STATUS_SIGTERM = 143
};

/* Records code and message, control characters but \n and \t as "?"; returns -1. */
int fail(enum status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "what: " in front of the recorded message; returns -1. */
int fail_while(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The message and code of the last fail(); "" and STATUS_OK when there was none. */
const char *error_message(void);
enum status error_status(void);
void error_clear(void);

#endif
