/*
 * The picture files of a source's folder, and which part of the data each belongs to.
 *
 *     pages/a.png, pages/b.jpg ...        shares of one folder, or
 *     pages/train/ validation/ test/      a sub-folder for each part, also called training, val, valid, testing
 *
 * A part without a sub-folder gets its share of the others' pictures. Which picture goes where follows from a
 * hash of its relative name alone, so files that are added or removed move no other.
 */
#ifndef DATA_PICTURE_FILES_H
#define DATA_PICTURE_FILES_H

#include "config/config.h"
#include <stddef.h>
#include <stdint.h>

enum picture_part { PART_TRAIN, PART_VALIDATION, PART_TEST, PARTS };

typedef struct picture_file {
    char *name; /* relative to the folder */
    uint64_t bytes;
    int64_t modified; /* ns since 1970: when it was written, or its status changed */
    enum picture_part part;
    bool placed; /* by lying in a folder for validation or test, not by its share */
} picture_file;

typedef struct picture_files {
    picture_file *files; /* sorted by the bytes of their names; those of one part are adjacent */
    size_t count, capacity;
    size_t others; /* files that are no pictures */
    size_t unused; /* pictures beside a training folder */
    size_t parts[PARTS];
} picture_files;

/*
 * What counts as a picture is as in folder.h; whether it can be read is not looked at. c->subfolders,
 * validation and test say how. STATUS_DATA if the folder cannot be read, has no picture, or none to train on,
 * and STATUS_USAGE if validation and test are all. *out is empty on failure.
 */
int picture_files_list(const char *folder, const struct data_config *c, picture_files *out);
void picture_files_release(picture_files *p);

/* Whether that is a folder with at least one picture, or with the sub-folder of a part. */
bool picture_files_look(const char *folder, const struct data_config *c);

#endif
