/* What a file is, by how it starts, so that a message can name what was given by mistake. */
#ifndef BASE_IDENTIFY_H
#define BASE_IDENTIFY_H

#include <stddef.h>

enum file_type {
    FILE_UNKNOWN, /* empty, missing, unreadable */
    FILE_DIRECTORY,
    FILE_SAFETENSORS,
    FILE_INI,
    FILE_PICTURE,
    FILE_OTHER,  /* another format that is known */
    FILE_TEXT,   /* any other text */
    FILE_BINARY, /* any other bytes */
};

typedef struct file_kind {
    enum file_type type;
    const char *name; /* "a PyTorch file"; NULL if the type is FILE_UNKNOWN */
} file_kind;

/* A pipe is not opened. */
file_kind file_identify(const char *path);

/* The same of the start of a file; path is only looked at for its ending. */
file_kind bytes_identify(const unsigned char *start, size_t length, const char *path);

#endif
