# unblend: `make demo` and `make test` are all that a newcomer needs; both install what is missing.
#
#   make            build/unblend and build/libunblend.a
#   make demo       train a small U-Net in front of you, separate images, draw build/demo/panel.png
#   make test       every test              make data     MNIST and Fashion-MNIST, whole
#   make test-soak  200 trainings killed    make mutants  mistakes put in: do the tests notice?
#   make bench      beside PyTorch, oneDNN  make asan     the tests under ASan and UBSan
#   make check      style and static checks make valgrind host code under valgrind
#   make install    under PREFIX            make clean    removes what was built, keeps build/data

ifeq ($(origin CC),default)
CC       := gcc
endif
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
PREFIX   ?= /usr/local
BUILD    ?= build
CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror
CPPFLAGS += -D_POSIX_C_SOURCE=200809L -DPREFIX='"$(PREFIX)"' -Isrc -Iinclude -MMD -MP
ALL_CFLAGS = -std=c11 $(WARNINGS) $(CFLAGS)
LDLIBS   += -lOpenCL -lclblast -liniparser -lpng -ljpeg -ljansson -lz -lmd -lm

OBJECTS  := $(BUILD)/obj
SOURCES  := $(sort $(wildcard src/*/*.c))
LIBRARY_SOURCES := $(filter-out src/cli/main.c,$(SOURCES))
LIBRARY  := $(BUILD)/libunblend.a
PROGRAM  := $(BUILD)/unblend
TESTS    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/test_*.c)))
TEST_SCRIPTS := $(sort $(wildcard tests/test_*.sh))
# Those that take longest start first, so that no core is idle while the last one runs.
LONG_TESTS := $(patsubst %,tests/test_%.sh,tune_command oclgrind kill bench_command)
TOOLS    := $(sort $(wildcard tools/*.c))
BENCHES  := $(patsubst %,$(BUILD)/tools/%,bench_unblend bench_layers bench_onednn)
C_FILES  := $(sort $(wildcard src/*/*.[ch] include/*.h tests/*.[ch] tools/*.[ch]))
KERNELS  := $(sort $(wildcard cl/*.cl cl/*.h))

.PHONY: all setup setup-bench demo test test-soak mutants data bench asan valgrind check format install clean distclean
.DELETE_ON_ERROR:

all: $(PROGRAM)

$(PROGRAM): $(OBJECTS)/src/cli/main.o $(LIBRARY)
	@echo "  link $@"
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(LIBRARY_SOURCES:%.c=$(OBJECTS)/%.o)
	@rm -f $@
	@$(AR) rcs $@ $^

$(OBJECTS)/%.o: %.c | setup
	@mkdir -p $(@D)
	@echo "  cc   $<"
	@$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/tests/%: $(OBJECTS)/tests/%.o $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

$(BUILD)/tools/%: $(OBJECTS)/tools/%.o $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBRARY) $(LDLIBS)

# Two workers and what they share; only oneDNN's side needs more than the program does.
$(BUILD)/tools/bench_layers $(BUILD)/tools/bench_onednn: $(OBJECTS)/tools/bench_shapes.o
$(BUILD)/tools/bench_onednn: LDLIBS := -ldnnl -lopenblas -lm
$(OBJECTS)/tools/bench_onednn.o: | setup-bench

.SECONDARY: $(TESTS:$(BUILD)/%=$(OBJECTS)/%.o) $(TOOLS:%.c=$(OBJECTS)/%.o)
-include $(SOURCES:%.c=$(OBJECTS)/%.d) $(TESTS:$(BUILD)/%=$(OBJECTS)/%.d) $(TOOLS:%.c=$(OBJECTS)/%.d)

# Installs what is missing (and nothing if nothing is).
setup:
	@tools/setup

setup-bench: setup
	@tools/setup bench

data: setup
	tools/get-data $(BUILD)/data

demo: all $(BUILD)/tools/panel
	tools/demo $(BUILD)/demo $(PROGRAM) $(BUILD)/tools/panel

test: all $(TESTS)
	tools/run-tests $(BUILD) $(LONG_TESTS) $(TESTS) $(filter-out $(LONG_TESTS),$(TEST_SCRIPTS))

test-soak: all
	BUILD=$(BUILD) tools/kill-test 200

mutants: all $(TESTS)
	tools/mutants --jobs 2

bench: setup-bench $(BENCHES)
	tools/bench
	tools/bench --layers
	tools/bench --layers --filters 128
	tools/bench --layers --model unet-transformer

# Their own build folders, so that the flags do not mix.
asan:
	$(MAKE) test BUILD=$(BUILD)/asan CFLAGS="-O1 -g -DUNBLEND_DEBUG -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined"

valgrind: all $(TESTS)
	tools/setup check
	tools/run-valgrind $(BUILD)

check: setup
	tools/setup check
	clang-format --dry-run -Werror $(C_FILES) $(KERNELS)
	tools/check-kernels
	# cppcheck 2.10 takes the arrays that mixer.c hands to philox() for empty
	cppcheck --quiet --error-exitcode=1 --suppress=ctuArrayIndex:cl/philox.h --std=c11 --enable=warning,portability --inline-suppr -Isrc -Iinclude src
	$(MAKE) all BUILD=$(BUILD)/clang CC=clang
	shellcheck -x tools/setup tools/demo tools/run-tests tools/run-valgrind tools/kill-test tools/mutants tools/get-data tools/make-sample tools/check-kernels tests/*.sh .ci/run

format:
	clang-format -i $(C_FILES) $(KERNELS)

install: all
	install -D $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/unblend
	install -D -m 644 $(LIBRARY) $(DESTDIR)$(PREFIX)/lib/libunblend.a
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include include/unblend.h
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/unblend/cl cl/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/unblend/configs configs/*.ini

clean:
	find $(BUILD) -mindepth 1 -maxdepth 1 ! -name data -exec rm -rf {} + 2>/dev/null || true

distclean:
	rm -rf $(BUILD)
