# unblend: `make demo` and `make test` are all that a newcomer needs; both install what is missing.
#
#   make            build/unblend and the libraries; names missing packages, installs nothing
#   make setup      installs the packages that are missing
#   make install    under PREFIX (/usr/local)       make uninstall  removes what install put there
#   make demo       separate images with the shipped model, train one in front of you, draw a panel
#   make test       every test              make data     MNIST and Fashion-MNIST, whole; or SETS="..."
#   make test-soak  200 trainings killed    make mutants  mistakes put in: do the tests notice?
#   make fuzz       a million damaged files for each reader of Keras' models, TIFF and WebP
#   make bench      beside PyTorch, oneDNN  make asan     the tests under ASan and UBSan
#   make check      style and static checks make valgrind host code under valgrind
#   make clean      removes what was built, keeps build/data

ifeq ($(origin CC),default)
CC       := gcc
endif
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
BUILD    ?= build
PREFIX   ?= /usr/local
LIBDIR   ?= $(PREFIX)/lib
OBJCOPY  ?= objcopy
CFLAGS   ?= -O2 -g
OWN_CFLAGS := -std=c11 -Wall -Wextra -fPIC -fvisibility=hidden
OWN_CPPFLAGS := -D_POSIX_C_SOURCE=200809L -Isrc -Iinclude
# assert() is for debug builds, e.g. `make asan`.
ifeq ($(findstring UNBLEND_DEBUG,$(CFLAGS) $(CPPFLAGS)),)
OWN_CPPFLAGS += -DNDEBUG
endif
ALL_CPPFLAGS = $(OWN_CPPFLAGS) $(CPPFLAGS)
ALL_CFLAGS = $(OWN_CFLAGS) $(CFLAGS)
LDLIBS   += -lOpenCL -lclblast -liniparser -lpng -ljpeg -ltiff -lwebp -lwebpdemux -ljansson -lz -lmd -lm -pthread

# The version stands in include/unblend.h, and nowhere else.
VERSION  := $(shell sed -n 's/^.define UB_VERSION "\(.*\)"/\1/p' include/unblend.h)
# What changes when programs have to: 0.2 of 0.2.0, 1 of 1.2.0.
INTERFACE := $(if $(filter 0.%,$(VERSION)),$(basename $(VERSION)),$(firstword $(subst ., ,$(VERSION))))
SONAME   := libunblend.so.$(INTERFACE)

OBJECTS  := $(BUILD)/obj
# src/hdf5 is a program of its own.
SOURCES  := $(sort $(filter-out src/hdf5/%,$(wildcard src/*/*.c)))
OBJECTS_OF = $(patsubst %.c,$(OBJECTS)/%.o,$(1))
# What pages are made of that the program writes.
PAGES    := $(sort $(wildcard src/*/*.html src/*/*.css src/*/*.js))
PROGRAM  := $(BUILD)/unblend

# For the program, the tests and the tools: every room but check, and check, which only selftest, tune
# and the tests use.
CHECK_SOURCES := $(filter src/check/%,$(SOURCES))
INTERNAL := $(BUILD)/internal/libunblend.a
CHECK    := $(BUILD)/internal/libcheck.a
INSIDE   := -Wl,--start-group $(INTERNAL) $(CHECK) -Wl,--end-group

# For everybody else: what src/api needs, and no names but those of include/unblend.h.
API_SOURCES := $(filter src/api/%,$(SOURCES))
SHARED   := $(BUILD)/libunblend.so.$(VERSION)
STATIC   := $(BUILD)/libunblend.a
PKGCONFIG := $(BUILD)/unblend.pc

# unblend-hdf5, for files of Keras.
HELPER   := $(BUILD)/unblend-hdf5
HELPER_SOURCES := $(sort $(wildcard src/hdf5/*.c))
HELPER_PACKAGES := hdf5 libzip

TESTS    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/test_*.c)))
TEST_SCRIPTS := $(sort $(wildcard tests/test_*.sh))
# Those that take longest start first, so that no core is idle while the last one runs.
LONG_TESTS := $(patsubst %,tests/test_%.sh,tune_command oclgrind kill bench_command search_command shipped resume)
TOOLS    := $(sort $(wildcard tools/*.c))
BENCHES  := $(patsubst %,$(BUILD)/tools/%,bench_unblend bench_layers bench_onednn)
FUZZERS  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
C_FILES  := $(sort $(wildcard src/*/*.[ch] include/*.h tests/*.[ch] tools/*.[ch] tests/fuzz/*.[ch]))
EXAMPLES := $(sort $(wildcard docs/examples/*.c))
KERNELS  := $(sort $(wildcard cl/*.cl cl/*.h))
SCRIPTS  := $(addprefix tools/,check-includes check-kernels setup demo run-tests run-valgrind kill-test mutants fuzz \
    get-data make-sample train-on example-text-over-photo bench-separate)

.PHONY: all packages setup setup-bench demo test test-soak mutants fuzz data bench asan valgrind check \
    fuzzers format install uninstall clean distclean FORCE
.DELETE_ON_ERROR:

all: $(PROGRAM) $(SHARED) $(STATIC) $(PKGCONFIG) $(HELPER)

# A warning is an error for those who work on unblend, not for those who use it with another compiler.
test test-soak mutants fuzz bench asan valgrind check: WERROR := -Werror

$(PROGRAM): $(OBJECTS)/src/cli/main.o $(INTERNAL) $(CHECK)
	@echo "  link $@"
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(INSIDE) $(LDLIBS)

# Left out, with a word, where its libraries are not installed; `import` and `export` say so then.
$(HELPER): $(wildcard src/hdf5/*.[ch]) $(INTERNAL) | packages
	@if ! pkg-config --exists $(HELPER_PACKAGES) 2>/dev/null; then \
	    echo "  skip $@ (HDF5 or libzip is not installed)"; \
	else \
	    echo "  link $@"; \
	    $(CC) $(ALL_CPPFLAGS) $$(pkg-config --cflags $(HELPER_PACKAGES)) $(ALL_CFLAGS) $(WERROR) $(LDFLAGS) \
	        -o $@ $(HELPER_SOURCES) $(INTERNAL) $$(pkg-config --libs $(HELPER_PACKAGES)) $(LDLIBS); \
	fi

$(INTERNAL): $(call OBJECTS_OF,$(filter-out src/cli/main.c $(CHECK_SOURCES),$(SOURCES))) $(PAGES:%=$(OBJECTS)/%.o)
$(CHECK): $(call OBJECTS_OF,$(CHECK_SOURCES))
$(INTERNAL) $(CHECK):
	@mkdir -p $(@D)
	@rm -f $@
	@$(AR) rcs $@ $^

$(SHARED): $(call OBJECTS_OF,$(API_SOURCES)) $(INTERNAL)
	@echo "  link $@"
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) -o $@ $^ $(LDLIBS)

# One object, in which all other names are local.
$(STATIC): $(call OBJECTS_OF,$(API_SOURCES)) $(INTERNAL)
	@echo "  link $@"
	@$(LD) -r -o $(BUILD)/internal/unblend.o $^
	@$(OBJCOPY) --localize-hidden $(BUILD)/internal/unblend.o
	@rm -f $@
	@$(AR) rcs $@ $(BUILD)/internal/unblend.o

$(PKGCONFIG): src/api/unblend.pc.in include/unblend.h $(BUILD)/flags $(BUILD)/prefix
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@LIBS@|$(LDLIBS)|' $< >$@

$(OBJECTS)/%.o: %.c $(BUILD)/flags | packages
	@mkdir -p $(@D)
	@echo "  cc   $<"
	@$(CC) $(ALL_CPPFLAGS) $(PREFIX_FLAG) -MMD -MP $(ALL_CFLAGS) $(WERROR) -c -o $@ $<

# src/ROOM/NAME.html is a string of the program: const char NAME_html[]. So are NAME.css and NAME.js.
$(PAGES:%=$(OBJECTS)/%.o): $(OBJECTS)/%.o: % $(BUILD)/flags | packages
	@mkdir -p $(@D)
	@echo "  cc   $<"
	@{ echo 'const char $(subst .,_,$(<F))[] ='; \
	   od -An -v -to1 $< | sed 's/ *\([0-7]\{3\}\)/\\\1/g; s/.*/"&"/'; \
	   echo ';'; } | $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(WERROR) -x c -c -o $@ -

# The one object that knows where unblend will be installed.
$(OBJECTS)/src/opencl/directory.o: private PREFIX_FLAG := -DPREFIX='"$(PREFIX)"'
$(OBJECTS)/src/opencl/directory.o: $(BUILD)/prefix

# What everything was built with, and for where: as arguments of make, one a line. The files change only
# when that does, and then what depends on them is built anew.
settings = $(foreach name,$(1),'$(name)=$(subst ','\'',$($(name)))')
BUILT_WITH := $(call settings,CC OWN_CPPFLAGS CPPFLAGS OWN_CFLAGS CFLAGS LDFLAGS LDLIBS)
BUILT_FOR  := $(call settings,PREFIX LIBDIR)
keep = @mkdir -p $(@D) && printf '%s\n' $(1) >$@.new && \
    if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(BUILD)/flags: FORCE
	$(call keep,$(BUILT_WITH))
$(BUILD)/prefix: FORCE
	$(call keep,$(BUILT_FOR))

$(BUILD)/tests/%: $(OBJECTS)/tests/%.o $(INTERNAL) $(CHECK)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(INSIDE) -lcmocka $(LDLIBS)

$(BUILD)/tools/%: $(OBJECTS)/tools/%.o $(INTERNAL) $(CHECK)
	@mkdir -p $(@D)
	@echo "  link $@"
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(INSIDE) $(LDLIBS)

# Two workers and what they share; only oneDNN's side needs more than the program does.
$(BUILD)/tools/bench_layers $(BUILD)/tools/bench_onednn: $(OBJECTS)/tools/bench_shapes.o
$(BUILD)/tools/bench_onednn: LDLIBS := -ldnnl -lopenblas -lm
$(OBJECTS)/tools/bench_onednn.o: | setup-bench

.SECONDARY: $(TESTS:$(BUILD)/%=$(OBJECTS)/%.o) $(TOOLS:%.c=$(OBJECTS)/%.o)
-include $(SOURCES:%.c=$(OBJECTS)/%.d) $(TESTS:$(BUILD)/%=$(OBJECTS)/%.d) $(TOOLS:%.c=$(OBJECTS)/%.d)

# Installs what is missing (and nothing if nothing is).
setup:
	@tools/setup

# Only says what is missing; after setup, where the goal is one of those that install.
INSTALLING := setup setup-bench demo test test-soak mutants fuzz data bench asan valgrind check
packages: $(if $(filter $(INSTALLING),$(MAKECMDGOALS)),setup)
	@tools/setup missing

setup-bench: setup
	@tools/setup bench

data: setup
	tools/get-data $(BUILD)/data $(SETS)

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

# Runs, and targets (tests/fuzz/fuzz_NAME.c): make fuzz RUNS=10000 FUZZ=keras
fuzz: all
	tools/setup check
	$(MAKE) fuzzers BUILD=$(BUILD)/fuzz CC=clang CFLAGS="-O1 -g -DUNBLEND_DEBUG -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined"
	tools/fuzz $(BUILD) $(or $(RUNS),1000000) $(FUZZ)

fuzzers: $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(FUZZERS))

$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c src/hdf5/unpack.c $(INTERNAL)
	@echo "  link $@"
	@$(CC) $(ALL_CPPFLAGS) -D_XOPEN_SOURCE=700 $$(pkg-config --cflags $(HELPER_PACKAGES)) $(ALL_CFLAGS) $(WERROR) \
	    -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $$(pkg-config --libs $(HELPER_PACKAGES)) $(LDLIBS)

valgrind: all $(TESTS)
	tools/setup check
	tools/run-valgrind $(BUILD)

check: setup
	tools/setup check
	tools/check-includes
	clang-format --dry-run -Werror $(C_FILES) $(EXAMPLES) $(KERNELS)
	tools/check-kernels
	# cppcheck 2.10 takes the arrays that src/data hands to cl/philox.h and cl/blending.h for empty
	cppcheck --quiet --error-exitcode=1 --suppress=ctuArrayIndex:cl/philox.h --suppress=ctuArrayIndex:cl/blending.h --std=c11 --enable=warning,portability --inline-suppr -Isrc -Iinclude src
	printf '%s\n' $(SOURCES) $(EXAMPLES) | xargs -P 2 -n 12 \
	    sh -c 'clang-tidy --quiet "$$@" -- -std=c11 $(OWN_CPPFLAGS) 2>/dev/null' sh
	clang -x c++ -fsyntax-only -Wall -Wextra -pedantic -Werror include/unblend.h
	$(MAKE) all BUILD=$(BUILD)/clang CC=clang WERROR=-Werror
	shellcheck -x $(SCRIPTS) tests/*.sh .ci/run

format:
	clang-format -i $(C_FILES) $(EXAMPLES) $(KERNELS)

# DESTDIR goes before every path, for those who make packages.
DATADIR  := $(PREFIX)/share/unblend
INSTALLED_CONFIGS := $(sort $(wildcard configs/*.ini))
INSTALLED_MODELS := $(sort $(wildcard models/*))

install: all
	install -D $(PROGRAM) "$(DESTDIR)$(PREFIX)/bin/unblend"
	[ ! -e $(HELPER) ] || install $(HELPER) "$(DESTDIR)$(PREFIX)/bin/unblend-hdf5"
	install -D -m 644 include/unblend.h "$(DESTDIR)$(PREFIX)/include/unblend.h"
	install -D -m 644 $(SHARED) "$(DESTDIR)$(LIBDIR)/$(notdir $(SHARED))"
	ln -sf $(notdir $(SHARED)) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/libunblend.so"
	install -D -m 644 $(STATIC) "$(DESTDIR)$(LIBDIR)/libunblend.a"
	install -D -m 644 $(PKGCONFIG) "$(DESTDIR)$(LIBDIR)/pkgconfig/unblend.pc"
	install -d "$(DESTDIR)$(DATADIR)/cl" "$(DESTDIR)$(DATADIR)/configs" "$(DESTDIR)$(DATADIR)/models"
	install -m 644 $(KERNELS) "$(DESTDIR)$(DATADIR)/cl"
	install -m 644 $(INSTALLED_CONFIGS) "$(DESTDIR)$(DATADIR)/configs"
	install -m 644 $(INSTALLED_MODELS) "$(DESTDIR)$(DATADIR)/models"
	[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/unblend" "$(DESTDIR)$(PREFIX)/bin/unblend-hdf5" "$(DESTDIR)$(PREFIX)/include/unblend.h"
	rm -f $(foreach name,$(notdir $(SHARED)) $(SONAME) libunblend.so libunblend.a \
	    pkgconfig/unblend.pc,"$(DESTDIR)$(LIBDIR)/$(name)")
	rm -f $(foreach name,$(KERNELS) $(INSTALLED_CONFIGS) $(INSTALLED_MODELS),"$(DESTDIR)$(DATADIR)/$(name)")
	rmdir "$(DESTDIR)$(DATADIR)/cl" "$(DESTDIR)$(DATADIR)/configs" "$(DESTDIR)$(DATADIR)/models" \
	    "$(DESTDIR)$(DATADIR)" || true
	[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

clean:
	find $(BUILD) -mindepth 1 -maxdepth 1 ! -name data -exec rm -rf {} + 2>/dev/null || true

distclean:
	rm -rf $(BUILD)
