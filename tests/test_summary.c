/* The layer table, and the parameter counts of the published networks. All without a device. */
#include "scratch.h"

#include "models/network.h"
#include "nn/summary.h"

static void draw(const char *const *overrides, size_t count, network **n, params **p)
{
    settings *s;
    assert_int_equal(settings_load(&s, NULL, overrides, count), 0);
    assert_int_equal(params_new(p, NULL), 0);
    assert_int_equal(network_new(n, *p, s, 32, NETWORK_INFER), 0);
    settings_free(s);
}

static void counts_match_the_published_networks(void **state)
{
    (void)state;
    static const struct {
        const char *filters;
        size_t total, trainable; /* 0: not published */
    } cases[] = {{"model.filters=128", 8272130, 8267010},
                 {"model.filters=64", 2071682, 0},
                 {"model.filters=32", 519746, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        network *n;
        params *p;
        draw(&cases[i].filters, 1, &n, &p);
        size_t sum = 0;
        summary_row *rows = summary_rows(n->plan);
        assert_non_null(rows);
        for (size_t k = 0; k < n->graph->layer_count; k++)
            sum += rows[k].parameters;
        free(rows);
        assert_int_equal(sum, cases[i].total);
        assert_int_equal(params_total(p), cases[i].total);
        if (cases[i].trainable)
            assert_int_equal(params_trainable(p), cases[i].trainable);
        network_free(n);
        params_free(p);
    }
}

static void rows_tell_shapes_and_buffers(void **state)
{
    (void)state;
    const char *filters = "model.filters=8";
    network *n;
    params *p;
    draw(&filters, 1, &n, &p);
    summary_row *rows = summary_rows(n->plan);
    assert_non_null(rows);
    assert_string_equal(rows[0].type, "conv2d");
    assert_true(shape_equal(rows[0].output, (shape){32, 32, 32, 8}));
    assert_int_equal(rows[0].parameters, 3 * 3 * 1 * 8 + 8);
    assert_int_equal(rows[0].bytes, 32 * 32 * 32 * 8 * 4);
    for (size_t i = 0; i < n->graph->layer_count; i++) {
        assert_true(rows[i].buffer >= 0 && (size_t)rows[i].buffer < n->plan->buffer_count);
        assert_true(rows[i].bytes <= n->plan->buffer_bytes[rows[i].buffer]);
    }
    free(rows);
    network_free(n);
    params_free(p);
}

static void table_names_every_layer(void **state)
{
    (void)state;
    const char *filters = "model.filters=64";
    network *n;
    params *p;
    char *text = NULL;
    size_t length, lines = 0;
    draw(&filters, 1, &n, &p);
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    assert_int_equal(summary_print(n->plan, out), 0);
    assert_int_equal(fclose(out), 0);
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, n->graph->layer_count + 1);
    for (size_t i = 0; i < n->graph->layer_count; i++)
        assert_non_null(strstr(text, n->graph->layers[i]->name));
    free(text);
    network_free(n);
    params_free(p);
}

static void counts_have_commas(void **state)
{
    (void)state;
    char text[32], narrow[4];
    assert_string_equal(summary_count(0, text, sizeof text), "0");
    assert_string_equal(summary_count(999, text, sizeof text), "999");
    assert_string_equal(summary_count(1000, text, sizeof text), "1,000");
    assert_string_equal(summary_count(8272130, text, sizeof text), "8,272,130");
    assert_string_equal(summary_count(SIZE_MAX, text, sizeof text), "18,446,744,073,709,551,615");
    summary_count(123456, narrow, sizeof narrow); /* cut, but a string */
    assert_true(strlen(narrow) < sizeof narrow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_match_the_published_networks),
        cmocka_unit_test(rows_tell_shapes_and_buffers),
        cmocka_unit_test(table_names_every_layer),
        cmocka_unit_test(counts_have_commas),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
