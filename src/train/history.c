#include "train/history.h"

#include "base/error.h"
#include "base/memory.h"
#include "formats/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int history_add(history *h, const epoch_record *record)
{
    if (grow((void **)&h->epochs, &h->capacity, h->count + 1, sizeof *h->epochs))
        return -1;
    h->epochs[h->count++] = *record;
    return 0;
}

void history_release(history *h)
{
    free(h->epochs);
    *h = (history){0};
}

/* null where there is no finite number, as JSON has none for it */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *per_source(const double loss[SOURCES], const char *const names[SOURCES])
{
    return json_pack("{s:o, s:o, s:o}", "total", number(loss[0] + loss[1]), names[0],
                     number(loss[0]), names[1], number(loss[1]));
}

static json_t *epoch_json(const epoch_record *r, const char *const names[SOURCES])
{
    return json_pack("{s:I, s:I, s:o, s:o, s:f, s:f, s:f}", "epoch", (json_int_t)r->epoch, "steps",
                     (json_int_t)r->steps, "loss", per_source(r->loss, names), "val_loss",
                     per_source(r->val_loss, names), "learning_rate", r->learning_rate, "seconds",
                     r->seconds, "images_per_second", r->images_per_second);
}

static void losses(const json_t *o, double out[2])
{
    int i = -1;
    const char *k;
    json_t *v;
    json_object_foreach((json_t *)o, k, v)
    {
        if (i >= 0)
            out[i] = json_is_null(v) ? NAN : json_number_value(v);
        i++;
    }
}
int history_read(const char *path, history *out)
{
    json_error_t e;
    json_t *root = json_load_file(path, 0, &e), *v;
    size_t i;
    if (!root)
        return fail(STATUS_DATA, "%s: %s", path, e.text);
    json_array_foreach(json_object_get(root, "epochs"), i, v)
    {
        epoch_record r = {.epoch = json_integer_value(json_object_get(v, "epoch")),
                          .steps = json_integer_value(json_object_get(v, "steps")),
                          .learning_rate = json_number_value(json_object_get(v, "learning_rate")),
                          .seconds = json_number_value(json_object_get(v, "seconds")),
                          .images_per_second =
                              json_number_value(json_object_get(v, "images_per_second"))};
        losses(json_object_get(v, "loss"), r.loss);
        losses(json_object_get(v, "val_loss"), r.val_loss);
        history_add(out, &r);
    }
    json_decref(root);
    return 0;
}
int history_write(const history *h, const settings *s, const char *run)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/history.json", run);
    const char *names[SOURCES] = {settings_text(s, "data.name_a"), settings_text(s, "data.name_b")};
    json_t *epochs = json_array();
    for (size_t i = 0; epochs && i < h->count; i++)
        json_array_append_new(epochs, epoch_json(&h->epochs[i], names));
    json_t *root = json_pack("{s:[s, s], s:o}", "sources", names[0], names[1], "epochs", epochs);
    return write_json(path, root);
}
