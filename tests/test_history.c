/* History files: every bit comes back, and what is not a history is refused. */
#include "scratch.h"

#include "base/files.h"
#include "train/history.h"
#include <float.h>
#include <math.h>

/* Numbers that need all their digits, and some that are not there. */
static const epoch_record records[] = {
    {1, 1500, 0.3, 0.7, {0.1, 1.0 / 3}, {2.0 / 3, 0.1 + 0.2}, 1e-3, 9.5, 5052.631578947368, 516930},
    {2, 1500, DBL_MAX, NAN, {DBL_MIN, DBL_MAX / 2}, {NAN, NAN}, 5e-4, 1e-300, 3, 0},
    {3, 0, 0, INFINITY, {0, -0.0}, {4.9406564584124654e-324, INFINITY}, 6.25e-5, 0, NAN, 1},
};
enum { RECORDS = sizeof records / sizeof *records, SOURCES = 2 };

static const mixture two = {.sources = SOURCES, .names = {"mnist", "fashion"}};

static void write_records(size_t count)
{
    history h = history_new(&two);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(history_add(&h, &records[i]), 0);
    assert_int_equal(history_write(&h, scratch), 0);
    history_release(&h);
}

/* Bit for bit; infinite values are stored as no value. */
static void assert_same(const double *read, const double *written, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (isfinite(written[i]))
            assert_memory_equal(&read[i], &written[i], sizeof *read);
        else
            assert_true(isnan(read[i]));
    }
}

static void comes_back_bit_for_bit(void **state)
{
    (void)state;
    history h;
    write_records(RECORDS);
    assert_int_equal(history_read(scratch_path("history.json"), &h), 0);
    assert_int_equal(h.count, RECORDS);
    for (size_t i = 0; i < RECORDS; i++) {
        assert_int_equal(h.epochs[i].epoch, records[i].epoch);
        assert_int_equal(h.epochs[i].steps, records[i].steps);
        assert_same(&h.epochs[i].total, &records[i].total, 1);
        assert_same(&h.epochs[i].val_total, &records[i].val_total, 1);
        assert_same(h.epochs[i].loss, records[i].loss, SOURCES);
        assert_same(h.epochs[i].val_loss, records[i].val_loss, SOURCES);
        assert_same(&h.epochs[i].learning_rate, &records[i].learning_rate, 1);
        assert_same(&h.epochs[i].seconds, &records[i].seconds, 1);
        assert_same(&h.epochs[i].images_per_second, &records[i].images_per_second, 1);
        assert_int_equal(h.epochs[i].trainable, records[i].trainable);
    }
    history_release(&h);
}

/* What is read and written again is the same file: a resumed run goes on where it was. */
static void reading_and_writing_changes_nothing(void **state)
{
    (void)state;
    history h;
    unsigned char *first, *second;
    size_t first_length, second_length;
    const char *path = scratch_path("history.json");
    write_records(RECORDS);
    assert_int_equal(file_read(path, 1 << 20, STATUS_DATA, &first, &first_length), 0);
    assert_int_equal(history_read(path, &h), 0);
    assert_int_equal(history_write(&h, scratch), 0);
    assert_int_equal(file_read(path, 1 << 20, STATUS_DATA, &second, &second_length), 0);
    assert_int_equal(first_length, second_length);
    assert_memory_equal(first, second, first_length);
    assert_int_equal(scratch_count(), 2); /* no temporary files */
    free(first);
    free(second);
    history_release(&h);
}

static void assert_text_file(const char *name, const char *expected)
{
    unsigned char *text;
    size_t length;
    assert_int_equal(file_read(scratch_path(name), 1 << 20, STATUS_DATA, &text, &length), 0);
    assert_string_equal((char *)text, expected);
    free(text);
}

static void table_has_empty_cells(void **state)
{
    (void)state;
    write_records(2);
    assert_text_file(
        "history.csv",
        "epoch,steps,loss,loss_mnist,loss_fashion,val_loss,val_loss_mnist,"
        "val_loss_fashion,learning_rate,seconds,images_per_second,trainable\n"
        "1,1500,0.3,0.1,0.333333333,0.7,0.666666667,0.3,0.001,9.5,"
        "5052.63158,516930\n"
        "2,1500,1.79769313e+308,2.22507386e-308,8.98846567e+307,,,,0.0005,1e-300,3,0\n");
}

static void three_sources_have_three_columns(void **state)
{
    (void)state;
    static const mixture three = {.sources = 3, .names = {"a", "b", "c"}};
    static const epoch_record record = {1, 10, 6, NAN, {1, 2, 3}, {NAN, NAN, NAN}, 0.5, 2, 5, 77};
    history h = history_new(&three), read;
    assert_int_equal(history_add(&h, &record), 0);
    assert_int_equal(history_write(&h, scratch), 0);
    assert_text_file("history.csv",
                     "epoch,steps,loss,loss_a,loss_b,loss_c,val_loss,val_loss_a,val_loss_b,"
                     "val_loss_c,learning_rate,seconds,images_per_second,trainable\n"
                     "1,10,6,1,2,3,,,,,0.5,2,5,77\n");
    assert_int_equal(history_read(scratch_path("history.json"), &read), 0);
    assert_int_equal(read.sources, 3);
    assert_string_equal(read.names[2], "c");
    assert_same(read.epochs[0].loss, record.loss, 3);
    history_release(&h);
    history_release(&read);
}

static void an_empty_history(void **state)
{
    (void)state;
    history h;
    write_records(0);
    assert_int_equal(history_read(scratch_path("history.json"), &h), 0);
    assert_int_equal(h.count, 0);
    assert_null(history_best(&h));
    history_release(&h);
}

static void best_epoch(void **state)
{
    (void)state;
    epoch_record epochs[] = {{.epoch = 1, .total = 4, .val_total = NAN},
                             {.epoch = 2, .total = 2, .val_total = NAN},
                             {.epoch = 3, .total = 2, .val_total = NAN},
                             {.epoch = 4, .total = NAN, .val_total = NAN}};
    history h = {.epochs = epochs, .count = 4};
    assert_int_equal(history_best(&h)->epoch, 2);
    epochs[0].val_total = 10;
    epochs[3].val_total = 9;
    assert_int_equal(history_best(&h)->epoch, 4);
}

static void refuses_what_is_no_history(void **state)
{
    (void)state;
#define EPOCH(text) "{\"sources\": [\"a\", \"b\"], \"epochs\": [{" text "}]}"
#define LOSSES                                                                                     \
    "\"loss\": {\"total\": 2, \"a\": 1, \"b\": 1}, \"val_loss\": "                                 \
    "{\"total\": null, \"a\": null, \"b\": null}, "
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "line 1"},
        {"{\"sources\":", "line 1"},
        {"[]", "not a history"},
        {"{\"epochs\": []}", "sources"},
        {"{\"sources\": [\"a\", \"b\"], \"epochs\": {}}", "no list"},
        {"{\"sources\": [\"a\", \"b\"], \"epochs\": [], \"more\": 1}", "not a history"},
        {"{\"sources\": [\"a\"], \"epochs\": []}", "not a history"},
        {"{\"sources\": [\"a\", \"b\", \"c\", \"d\", \"e\"], \"epochs\": []}", "not a history"},
        {"{\"sources\": [\"a\", 2], \"epochs\": []}", "entry 2 of \"sources\""},
        {"{\"sources\": {}, \"epochs\": []}", "not a history"},
        {"{\"sources\": [\"a\", \"b\"], \"epochs\": [7]}", "entry 1"},
        {EPOCH(""), "\"steps\""},
        {EPOCH("\"epoch\": 1, \"steps\": 1.5"), "\"steps\""},
        {EPOCH("\"epoch\": 1, \"steps\": -1"), "\"steps\""},
        {EPOCH("\"epoch\": 1, \"steps\": 4, \"loss\": 3"), "\"loss\""},
        {EPOCH("\"epoch\": 1, \"steps\": 4, \"loss\": {\"total\": 2, \"a\": 1}"), "\"loss\""},
        {EPOCH("\"epoch\": 1, \"steps\": 4, " LOSSES "\"learning_rate\": \"1\""),
         "\"learning_rate\""},
        {EPOCH("\"epoch\": 1, \"steps\": 4, " LOSSES "\"learning_rate\": 1, \"seconds\": 1"),
         "\"images_per_second\""},
        {EPOCH("\"epoch\": 2, \"steps\": 4, " LOSSES
               "\"learning_rate\": 1, \"seconds\": 1, \"images_per_second\": 1"),
         "\"epoch\""},
        {EPOCH("\"epoch\": 1, \"epoch\": 1"), "line 1"},
        {EPOCH("\"epoch\": 1, \"steps\": 1e999"), "line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        history h;
        const char *path = scratch_file("bad.json", cases[i].text, strlen(cases[i].text));
        assert_int_equal(history_read(path, &h), -1);
        assert_null(h.epochs);
        assert_error(STATUS_DATA, "bad.json", cases[i].message);
    }
    history h;
    assert_int_equal(history_read(scratch_path("none.json"), &h), -1);
    assert_error(STATUS_DATA, "none.json", "No such file");
}

static void a_directory_that_is_not_there(void **state)
{
    (void)state;
    history h = history_new(&two);
    assert_int_equal(history_write(&h, scratch_path("none")), -1);
    assert_error(STATUS_RUNTIME, "none/history.json", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_bit_for_bit),
        cmocka_unit_test(reading_and_writing_changes_nothing),
        cmocka_unit_test(table_has_empty_cells),
        cmocka_unit_test(three_sources_have_three_columns),
        cmocka_unit_test(an_empty_history),
        cmocka_unit_test(best_epoch),
        cmocka_unit_test(refuses_what_is_no_history),
        cmocka_unit_test(a_directory_that_is_not_there),
    };
    return cmocka_run_group_tests_name("history", tests, scratch_make, scratch_remove);
}
