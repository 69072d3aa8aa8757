# lua-marketplace: `make help` lists what there is.

LUA ?= lua5.4
LUAS ?= lua5.4 lua5.3 lua5.1 luajit
ABI := $(shell tools/abi '$(LUA)')
ifeq ($(ABI),)
$(error LUA must be lua5.4, lua5.3, lua5.1 or luajit)
endif

PREFIX ?= /usr/local
DESTDIR ?=
# where this Lua looks for modules: LuaJIT looks where Lua 5.1 does
LUA_VERSION := $(if $(filter luajit,$(LUA)),5.1,$(ABI))
INSTALL_LUA := $(DESTDIR)$(PREFIX)/share/lua/$(LUA_VERSION)
INSTALL_C := $(DESTDIR)$(PREFIX)/lib/lua/$(LUA_VERSION)
INSTALL_BIN := $(DESTDIR)$(PREFIX)/bin
INSTALL_SHARE := $(DESTDIR)$(PREFIX)/share
INSTALL_DOC := $(INSTALL_SHARE)/doc/lua-marketplace

CC ?= cc
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
# HARDENING= is for compilers that do not know these. Copies are checked only by code that is optimised: elsewhere some C
# libraries warn.
FORTIFY := $(if $(filter-out -O0,$(filter -O%,$(CFLAGS))),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
# only processors of this family mark where they may jump to
JUMPS := $(if $(filter x86_64-% i686-%,$(shell $(CC) -dumpmachine 2>/dev/null)),-fcf-protection)
HARDENING ?= $(FORTIFY) -fstack-protector-strong -fstack-clash-protection $(JUMPS)
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(WERROR)
C11 := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(WARNINGS) -Icsrc
SHARED := -shared -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed $(LDFLAGS)

# SANITIZE=1 builds everything into a folder of its own with ASan and UBSan, SANITIZE=thread with TSan, FUZZ=1 for libFuzzer
# too, COVERAGE=1 for gcov
ifdef FUZZ
CC := clang
SANITIZERS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
BUILD := build/fuzz
else ifeq ($(SANITIZE),thread)
SANITIZERS := -fsanitize=thread -fno-omit-frame-pointer
BUILD := build/tsan
else ifdef SANITIZE
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
BUILD := build/sanitize
else ifdef COVERAGE
SANITIZERS := --coverage -fprofile-update=atomic -O0
BUILD := build/coverage
else
SANITIZERS :=
BUILD := build
endif
PROTECTION := $(or $(SANITIZERS),$(HARDENING))
SHARED += $(SANITIZERS)

CORE_LIBS = $(shell $(PKG_CONFIG) --libs libcurl libcrypto)
REDIS_LIBS = $(shell $(PKG_CONFIG) --libs hiredis libssl libcrypto)
POSTGRES_LIBS = $(shell $(PKG_CONFIG) --libs libpq)
POSTGRES_CFLAGS = $(shell $(PKG_CONFIG) --cflags libpq)
SQLITE_LIBS = $(shell $(PKG_CONFIG) --libs sqlite3)
PACKAGE_LIBS = $(shell $(PKG_CONFIG) --libs libzip libcrypto)
SERVER_LIBS = $(shell $(PKG_CONFIG) --libs libmicrohttpd gnutls)
LUA_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(LUA))

COMMON_SOURCES := alloc buffer clock error
SERVER_CORE_SOURCES := $(COMMON_SOURCES) signature_header thread
CORE_OBJECTS := $(patsubst csrc/core/%.c,$(BUILD)/core/%.o,$(sort $(wildcard csrc/core/*.c)))
SERVER_OWN_OBJECTS := $(patsubst csrc/server/%.c,$(BUILD)/server/%.o,$(sort $(wildcard csrc/server/*.c)))
SERVER_OBJECTS := $(SERVER_OWN_OBJECTS) $(SERVER_CORE_SOURCES:%=$(BUILD)/core/%.o)
LUA_CORE_OBJECTS := $(patsubst csrc/lua/%.c,$(BUILD)/$(ABI)/lua/%.o,\
	$(filter-out $(patsubst %,csrc/lua/%.c,database% http_server% package_io% postgres% redis% sqlite%),$(sort $(wildcard csrc/lua/*.c))))
LUA_SERVER_OBJECTS := $(addprefix $(BUILD)/$(ABI)/lua/,http_server.o http_server_body.o http_server_options.o http_server_request.o class.o pin.o push.o)
REDIS_OWN_OBJECTS := $(patsubst csrc/redis/%.c,$(BUILD)/redis/%.o,$(sort $(wildcard csrc/redis/*.c)))
REDIS_OBJECTS := $(REDIS_OWN_OBJECTS) $(patsubst %,$(BUILD)/core/%.o,$(COMMON_SOURCES) openssl_error openssl_version poll_until \
	sigpipe)
LUA_REDIS_OBJECTS := $(addprefix $(BUILD)/$(ABI)/lua/,redis.o redis_reader.o redis_values.o class.o pin.o push.o)
POSTGRES_OWN_OBJECTS := $(patsubst csrc/postgres/%.c,$(BUILD)/postgres/%.o,$(sort $(wildcard csrc/postgres/*.c)))
POSTGRES_OBJECTS := $(POSTGRES_OWN_OBJECTS) $(patsubst %,$(BUILD)/core/%.o,$(COMMON_SOURCES) poll_until)
LUA_POSTGRES_OBJECTS := $(patsubst csrc/lua/%.c,$(BUILD)/$(ABI)/lua/%.o,$(sort $(wildcard csrc/lua/postgres*.c))) \
	$(addprefix $(BUILD)/$(ABI)/lua/,class.o database_call.o pin.o push.o)
SQLITE_OWN_OBJECTS := $(patsubst csrc/sqlite/%.c,$(BUILD)/sqlite/%.o,$(sort $(wildcard csrc/sqlite/*.c)))
SQLITE_OBJECTS := $(SQLITE_OWN_OBJECTS) $(COMMON_SOURCES:%=$(BUILD)/core/%.o)
LUA_SQLITE_OBJECTS := $(patsubst csrc/lua/%.c,$(BUILD)/$(ABI)/lua/%.o,$(sort $(wildcard csrc/lua/sqlite*.c))) \
	$(addprefix $(BUILD)/$(ABI)/lua/,class.o database_call.o path.o pin.o push.o)
PACKAGE_OWN_OBJECTS := $(patsubst csrc/packages/%.c,$(BUILD)/packages/%.o,$(sort $(wildcard csrc/packages/*.c)))
PACKAGE_OBJECTS := $(PACKAGE_OWN_OBJECTS) $(patsubst %,$(BUILD)/core/%.o,$(COMMON_SOURCES) file file_read hash hex openssl_error \
	openssl_version thread)
LUA_PACKAGE_OBJECTS := $(patsubst csrc/lua/%.c,$(BUILD)/$(ABI)/lua/%.o,$(sort $(wildcard csrc/lua/package_io*.c))) \
	$(addprefix $(BUILD)/$(ABI)/lua/,class.o fields.o path.o pin.o push.o)
MODULES := $(addprefix $(BUILD)/$(ABI)/marketplace/,core.so http_server.so package_io.so postgres.so redis.so sqlite.so)
TEST_PROGRAMS := $(patsubst csrc/test/%_test.c,$(BUILD)/test/%_test,$(sort $(wildcard csrc/test/*_test.c)))
# the JSON reader's tests, of it as it is for processors without SSE2
TEST_PROGRAMS += $(BUILD)/test/json_without_sse2_test
TEST_SUPPORT := $(patsubst csrc/test/%.c,$(BUILD)/test/%.o,\
	$(filter-out %_test.c,$(sort $(wildcard csrc/test/*.c))))
FUZZ_TARGETS := $(patsubst csrc/fuzz/%_fuzz.c,%,$(sort $(wildcard csrc/fuzz/*_fuzz.c)))
FUZZ_OBJECTS := $(BUILD)/fuzz/support.o $(CORE_OBJECTS) $(PACKAGE_OWN_OBJECTS) $(REDIS_OWN_OBJECTS) $(SERVER_OWN_OBJECTS)
FUZZERS := $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%_fuzzer)
REPLAYS := $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%_replay)

# for the builds of targets that take long anyway
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# V=1 shows the compiler's command lines
QUIET := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)')

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.SECONDARY:

.PHONY: build
build: $(MODULES) ## build the C modules for one Lua (LUA=lua5.4|lua5.3|lua5.1|luajit)
	@:

$(BUILD)/%.o: csrc/%.c Makefile
	@mkdir -p $(@D)
	$(call say,compile $<)
	$(QUIET)$(CC) $(C11) $(CPPFLAGS) $(CFLAGS) $(PROTECTION) -MMD -MP -c -o $@ $<

$(BUILD)/$(ABI)/lua/%.o: csrc/lua/%.c Makefile
	@mkdir -p $(@D)
	$(call say,compile $< for $(LUA))
	$(QUIET)$(CC) $(C11) $(CPPFLAGS) $(LUA_CFLAGS) $(CFLAGS) $(PROTECTION) -MMD -MP -c -o $@ $<

$(BUILD)/$(ABI)/marketplace/core.so: $(LUA_CORE_OBJECTS) $(CORE_OBJECTS)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(QUIET)$(CC) $(SHARED) -o $@ $^ $(CORE_LIBS)

$(BUILD)/$(ABI)/marketplace/http_server.so: $(LUA_SERVER_OBJECTS) $(SERVER_OBJECTS)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(QUIET)$(CC) $(SHARED) -o $@ $^ $(SERVER_LIBS)

$(BUILD)/$(ABI)/marketplace/redis.so: $(LUA_REDIS_OBJECTS) $(REDIS_OBJECTS)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(QUIET)$(CC) $(SHARED) -o $@ $^ $(REDIS_LIBS) -lm

$(BUILD)/$(ABI)/marketplace/postgres.so: $(LUA_POSTGRES_OBJECTS) $(POSTGRES_OBJECTS)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(QUIET)$(CC) $(SHARED) -o $@ $^ $(POSTGRES_LIBS) -lm

# libpq's headers are in a folder of their own
$(POSTGRES_OWN_OBJECTS) $(LUA_POSTGRES_OBJECTS) $(BUILD)/test/postgres_test.o: C11 += $(POSTGRES_CFLAGS)

$(BUILD)/$(ABI)/marketplace/sqlite.so: $(LUA_SQLITE_OBJECTS) $(SQLITE_OBJECTS)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(QUIET)$(CC) $(SHARED) -o $@ $^ $(SQLITE_LIBS) -lm

$(BUILD)/$(ABI)/marketplace/package_io.so: $(LUA_PACKAGE_OBJECTS) $(PACKAGE_OBJECTS)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(QUIET)$(CC) $(SHARED) -o $@ $^ $(PACKAGE_LIBS) -lm

.PHONY: rock
rock: ## what LuaRocks builds a rock with (MODULE=http_server|package_io|postgres|redis|sqlite), anew: objects of another Lua may be there
	@$(MAKE) --no-print-directory -B BUILD=build/rock build/rock/$(ABI)/marketplace/$(MODULE).so
	@cp build/rock/$(ABI)/marketplace/$(MODULE).so build/rock/

.PHONY: test-programs
test-programs: $(TEST_PROGRAMS) preloads
	@:

PRELOADS := $(patsubst csrc/test/preload/%.c,$(BUILD)/test/%.so,$(wildcard csrc/test/preload/*.c))

# what specs preload into the processes that they start
.PHONY: preloads
preloads: $(PRELOADS)
	@:

$(PRELOADS): $(BUILD)/test/%.so: csrc/test/preload/%.c
	@mkdir -p $(@D)
	$(call say,link $@)
	$(QUIET)$(CC) -std=c11 -D_GNU_SOURCE -fPIC $(WARNINGS) $(CFLAGS) -shared -o $@ $< -ldl

$(BUILD)/test/%_test: $(BUILD)/test/%_test.o $(TEST_SUPPORT) $(CORE_OBJECTS) $(REDIS_OWN_OBJECTS) \
	$(SERVER_OWN_OBJECTS) $(SQLITE_OWN_OBJECTS) $(POSTGRES_OWN_OBJECTS) $(PACKAGE_OWN_OBJECTS)
	$(call say,link $@)
	$(QUIET)$(CC) $(SANITIZERS) -o $@ $^ -lcmocka $(CORE_LIBS) $(REDIS_LIBS) $(SERVER_LIBS) $(SQLITE_LIBS) $(POSTGRES_LIBS) \
	  $(PACKAGE_LIBS) -lm

$(BUILD)/without_sse2/%.o: csrc/core/%.c Makefile
	@mkdir -p $(@D)
	$(call say,compile $< without SSE2)
	$(QUIET)$(CC) $(C11) $(CPPFLAGS) $(CFLAGS) $(PROTECTION) -U__SSE2__ -MMD -MP -c -o $@ $<

$(BUILD)/test/json_without_sse2_test: $(BUILD)/test/json_test.o $(BUILD)/without_sse2/json_text.o $(TEST_SUPPORT) \
	$(filter-out %/json_text.o,$(CORE_OBJECTS))
	$(call say,link $@)
	$(QUIET)$(CC) $(SANITIZERS) -o $@ $^ -lcmocka $(CORE_LIBS)

.PHONY: fuzzers replays
fuzzers: $(FUZZERS)
	@:
replays: $(REPLAYS)
	@:

$(BUILD)/fuzz/%_fuzzer: $(BUILD)/fuzz/%_fuzz.o $(FUZZ_OBJECTS)
	$(call say,link $@)
	$(QUIET)$(CC) $(SANITIZERS) -fsanitize=fuzzer -o $@ $^ $(CORE_LIBS) $(PACKAGE_LIBS) $(REDIS_LIBS) $(SERVER_LIBS) -lm

$(BUILD)/fuzz/%_replay: $(BUILD)/fuzz/%_fuzz.o $(BUILD)/fuzz/replay.o $(FUZZ_OBJECTS)
	$(call say,link $@)
	$(QUIET)$(CC) $(SANITIZERS) -o $@ $^ $(CORE_LIBS) $(PACKAGE_LIBS) $(REDIS_LIBS) $(SERVER_LIBS) -lm

# what tools/run-tests and tools/mutate run programs with
REAP := build/reap

$(REAP): csrc/reap/reap.c
	@mkdir -p $(@D)
	$(call say,link $@)
	$(QUIET)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) -o $@ $<

HOST_SOURCES := $(sort $(wildcard csrc/torture/*.c))

.PHONY: torture-host
torture-host: $(BUILD)/$(ABI)/torture
	@:

$(BUILD)/$(ABI)/torture: $(HOST_SOURCES) $(wildcard csrc/torture/*.h) Makefile
	@mkdir -p $(@D)
	$(call say,link $@)
	$(QUIET)$(CC) $(C11) $(LUA_CFLAGS) $(CFLAGS) $(SANITIZERS) -o $@ $(HOST_SOURCES) -rdynamic $(shell $(PKG_CONFIG) --libs $(LUA)) -ldl

# LuaJIT's is for nginx, which does not know where Lua's own symbols are until it has loaded its module
$(BUILD)/$(ABI)/lines.so: csrc/coverage/lines.c Makefile
	@mkdir -p $(@D)
	$(call say,link $@)
	$(QUIET)$(CC) $(C11) $(LUA_CFLAGS) $(if $(filter luajit,$(LUA)),-DLUAJIT_WATCHED) -O2 -shared -Wl,-z,nodelete -o $@ $<

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d)

.PHONY: run
run: packages-run ## receive notifications with examples/marketplace.lua (PORT=0 chooses a free one)
	@$(MAKE) --no-print-directory build
	@LUA=$(LUA) exec tools/run $(or $(PORT),0)

.PHONY: run-nginx
run-nginx: packages-run-nginx ## receive notifications in nginx, as examples/nginx has it (PORT=8443 METRICS_PORT=9464)
	@$(MAKE) --no-print-directory build LUA=luajit
	@exec tools/run-nginx $(or $(PORT),8443) $(or $(METRICS_PORT),9464)

.PHONY: run-marketplace
run-marketplace: packages-run-nginx ## run a whole marketplace in nginx, with a simulated App Store Connect beside it (PORT=8443 METRICS_PORT=9464 FOLDER=build/marketplace)
	@$(MAKE) --no-print-directory build LUA=luajit
	@exec tools/run-marketplace $(or $(PORT),8443) $(or $(METRICS_PORT),9464) $(or $(FOLDER),build/marketplace)

.PHONY: demo
demo: packages-run ## start a server, send it one of everything and show what each caused
	@$(MAKE) --no-print-directory build
	@trap '' PIPE; exec $(LUA) tools/demo.lua $(LUA)

.PHONY: check
check: packages-check ## what to run while changing something: luacheck, the C tests, and the specs that need no servers, on one Lua
	@$(MAKE) --no-print-directory $(PARALLEL) build test-programs $(REAP)
	@LUAS=$(LUA) tools/run-tests check

.PHONY: test
test: packages-test ## run all tests, on every Lua; the last line is their sum
	@for lua in $(sort $(LUAS) luajit); do \
	  $(MAKE) --no-print-directory $(PARALLEL) build torture-host LUA=$$lua || exit 1; done
	@$(MAKE) --no-print-directory $(PARALLEL) test-programs $(REAP)
	@$(MAKE) --no-print-directory $(PARALLEL) build test-programs replays SANITIZE=1
	@tools/run-tests

.PHONY: debian
debian: ## run TARGET='test LUAS=lua5.4' from a clean clone in a bare SUITE=trixie, made by debootstrap (MIRROR=)
	@tools/debian $(or $(SUITE),trixie) $(or $(TARGET),test)

.PHONY: deploy-check
deploy-check: ## run the steps of deploy/Dockerfile in a bare SUITE=trixie, and start what they make (MIRROR=)
	@tools/debian $(or $(SUITE),trixie) image SUITE=$(or $(SUITE),trixie)

# in the bare system
.PHONY: image
image:
	@tools/image '$(SUITE)'

.PHONY: lint
lint: packages-test ## run luacheck, clang-format, and a build in which every warning is an error
	luacheck --quiet . bin/marketplace
	clang-format --dry-run -Werror $(wildcard csrc/*/*.[ch] csrc/*/*/*.[ch])
	@for lua in $(LUAS); do \
	  $(MAKE) --no-print-directory $(PARALLEL) build test-programs replays torture-host LUA=$$lua BUILD=build/lint WERROR=-Werror || exit 1; done

.PHONY: analyze
analyze: packages-analyze ## have clang-tidy and cppcheck read the C source
	@tools/analyze $(shell $(PKG_CONFIG) --cflags lua5.4 libpq)

.PHONY: bench
bench: packages-bench ## measure against what users would use instead, in one run (QUICK=1: only to see that it works)
	@for lua in $(LUAS); do $(MAKE) --no-print-directory build LUA=$$lua || exit 1; done
	@bench/run

.PHONY: bench-nginx
bench-nginx: packages-bench ## measure the receiver in nginx beside nginx alone, luaossl and Node, and its memory
	@$(MAKE) --no-print-directory build LUA=luajit
	@bench/nginx/run
	@bench/nginx/memory $(or $(MEMORY_COUNT),2000000)

.PHONY: sanitize-nginx
sanitize-nginx: packages-bench ## run the C module with ASan and UBSan inside nginx, for thousands of notifications
	@$(MAKE) --no-print-directory build LUA=luajit SANITIZE=1
	@bench/nginx/sanitize

.PHONY: fuzz
fuzz: packages-fuzz ## feed what reads input with inputs that libFuzzer makes up (FUZZ_SECONDS=60 for each)
	@$(MAKE) --no-print-directory fuzzers FUZZ=1
	@tools/fuzz $(or $(FUZZ_SECONDS),60)

.PHONY: coverage
coverage: packages-test ## count the lines that tests run, and list those that none runs
	@$(MAKE) --no-print-directory $(PARALLEL) build test-programs replays torture-host build/coverage/5.4/lines.so $(REAP) COVERAGE=1 LUA=lua5.4
	@$(MAKE) --no-print-directory build/coverage/jit/lines.so COVERAGE=1 LUA=luajit
	@$(MAKE) --no-print-directory build preloads LUA=luajit
	@tools/coverage

.PHONY: mutate
mutate: packages-test ## break the source in COUNT=50 random places, one at a time, and list what no test sees (SEED=, FILES=)
	@for lua in lua5.4 luajit; do $(MAKE) --no-print-directory $(PARALLEL) build LUA=$$lua || exit 1; done
	@$(MAKE) --no-print-directory $(PARALLEL) test-programs torture-host $(REAP) LUA=lua5.4
	@tools/mutate '$(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))' '$(or $(COUNT),50)' '$(FILES)'

.PHONY: docs
docs: packages-run ## write docs/reference.md anew from the comments in the source, and deploy/grafana from the list of metrics
	@$(MAKE) --no-print-directory build
	@tools/with-lua $(LUA) $(LUA) tools/reference.lua .
	@$(LUA) tools/grafana.lua .

.PHONY: messages
messages: packages-test ## write spec/fixtures/messages.txt anew: what every command says if something is wrong
	@$(MAKE) --no-print-directory build
	@tools/with-lua $(LUA) $(LUA) tools/messages.lua

.PHONY: torture
torture: packages-test ## let every allocation of every function fail, once, on every Lua, also with ASan and UBSan
	@for lua in $(LUAS); do \
	  $(MAKE) --no-print-directory build torture-host LUA=$$lua || exit 1; \
	  $(MAKE) --no-print-directory build torture-host LUA=$$lua SANITIZE=1 || exit 1; done
	@tools/torture

.PHONY: sanitize
sanitize: packages-test ## run the specs with ASan and UBSan, on every Lua (SPECS=spec/x_spec.lua for some)
	@for lua in $(LUAS); do $(MAKE) --no-print-directory build LUA=$$lua SANITIZE=1 || exit 1; done
	@$(MAKE) --no-print-directory preloads
	@tools/sanitize $(SPECS)

.PHONY: races
races: packages-test ## look for data races between the server's threads, and in the log's, with TSan, on every Lua
	@for lua in $(LUAS); do $(MAKE) --no-print-directory build LUA=$$lua SANITIZE=thread || exit 1; done
	@$(MAKE) --no-print-directory $(patsubst %,build/tsan/test/%_test,server front refuse route log_writer command package_sink) SANITIZE=thread
	@$(MAKE) --no-print-directory preloads
	@tools/races $(SPECS)

.PHONY: gc-torture
gc-torture: packages-test ## run the specs with garbage collected all the time, on every Lua (SPECS=spec/x_spec.lua for some)
	@for lua in $(LUAS); do $(MAKE) --no-print-directory build LUA=$$lua SANITIZE=1 BUILD=build/collect \
	  CPPFLAGS='-include torture/collect.h' && $(MAKE) --no-print-directory build LUA=$$lua SANITIZE=1 || exit 1; done
	@$(MAKE) --no-print-directory preloads
	@BUILD=build/collect tools/sanitize $(or $(SPECS),$(patsubst %,spec/%_spec.lua,signature record notification \
	  token file hash redis sqlite http http_server http_server_body http_server_routes))
	@LUA_INIT='@$(CURDIR)/tools/collect.lua' tools/sanitize $(SPECS)

.PHONY: valgrind
valgrind: packages-valgrind ## run the C tests and the C modules' specs in valgrind's memcheck, on every Lua
	@for lua in $(LUAS); do $(MAKE) --no-print-directory build LUA=$$lua || exit 1; done
	@$(MAKE) --no-print-directory test-programs
	@tools/valgrind $(SPECS)

.PHONY: model
model: build ## run random operations on each inbox beside a model (OPERATIONS=300000 SEED=1 ENGINES="memory sqlite")
	@MODEL_OPERATIONS='$(or $(OPERATIONS),300000)' MODEL_SEED='$(SEED)' \
	  MODEL_ENGINES='$(or $(ENGINES),memory sqlite slices postgres redis)' tools/busted $(LUA) spec/inbox_model_spec.lua

.PHONY: chaos
chaos: packages-test ## kill the receiver, workers and databases, and stop workers, hundreds of times: nothing may be lost (KILLS=200 ENGINES="sqlite postgres redis")
	@$(MAKE) --no-print-directory build
	@tools/with-lua $(LUA) $(LUA) tools/chaos.lua $(or $(KILLS),200) $(ENGINES)

.PHONY: package-chaos
package-chaos: packages-test ## kill what fetches packages and takes them down, hundreds of times: nothing half or forbidden may be served (KILLS=500 SEED=1)
	@$(MAKE) --no-print-directory build
	@tools/with-lua $(LUA) $(LUA) tools/package_chaos.lua $(or $(KILLS),500) $(SEED)

.PHONY: attack
attack: packages-test ## what becomes of notifications and probes beside senders who finish no body, or have no signature (MB=200 RATE=23, in MB/s)
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory build preloads LUA=luajit
	@tools/with-lua $(LUA) $(LUA) tools/attack_waiting.lua
	@tools/with-lua $(LUA) $(LUA) tools/attack.lua $(or $(MB),200) $(or $(RATE),23)

.PHONY: screenshots
screenshots: packages-test ## take pictures of the dashboard anew, for docs/screenshots
	@$(MAKE) --no-print-directory build
	@tools/screenshots

.PHONY: soak
soak: packages-bench ## whether serve keeps its memory, its descriptors and its speed under full load (MINUTES=30)
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory build LUA=luajit
	@tools/with-lua $(LUA) $(LUA) bench/server/soak.lua $(or $(MINUTES),30)

.PHONY: faults
faults: packages-test ## what becomes of notifications while PostgreSQL or Redis fails, in each way (FAULTS="killed cut" ENGINES="postgres redis")
	@$(MAKE) --no-print-directory build
	@tools/with-lua $(LUA) $(LUA) tools/faults.lua '$(FAULTS)' '$(ENGINES)'

# the guides, and what they point to
DOCUMENTS := $(sort README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE $(wildcard docs/*.md bench/*.md \
	deploy/Dockerfile* deploy/compose.yaml deploy/etc/* deploy/grafana/* deploy/logrotate/* deploy/prometheus/* \
	$(addprefix deploy/systemd/,*.service *.timer *.sysusers *.d/*) \
	$(foreach at,examples examples/*,$(at)/*.md $(at)/*.lua $(at)/*.sh $(at)/*.conf)))

LUA_FILES = $(sort $(shell find lua simulator/lua -name '*.lua'))

# what the command says of itself, for man and for shells
.PHONY: man
man: build ## write build/man and build/completion from what the command says of itself
	@mkdir -p build/man build/completion
	@tools/with-lua $(LUA) $(LUA) tools/man.lua build

.PHONY: install
install: build man ## install for one Lua (LUA=, PREFIX=/usr/local, DESTDIR=)
	$(QUIET)for file in $(LUA_FILES); do \
	  install -D -m 644 "$$file" '$(INSTALL_LUA)'/"$${file#*lua/}" || exit 1; done
	$(QUIET)install -D -m 644 -t '$(INSTALL_C)/marketplace' $(MODULES)
	$(QUIET)install -d '$(INSTALL_BIN)'
	$(QUIET)sed '1s|.*|#!/usr/bin/env $(LUA)|' bin/marketplace > '$(INSTALL_BIN)/marketplace'
	$(QUIET)chmod 755 '$(INSTALL_BIN)/marketplace'
	$(QUIET)install -D -m 644 -t '$(INSTALL_SHARE)/man/man1' build/man/marketplace.1
	$(QUIET)install -D -m 644 build/completion/marketplace.bash '$(INSTALL_SHARE)/bash-completion/completions/marketplace'
	$(QUIET)install -D -m 644 build/completion/marketplace.zsh '$(INSTALL_SHARE)/zsh/site-functions/_marketplace'
	$(QUIET)install -D -m 644 build/completion/marketplace.fish '$(INSTALL_SHARE)/fish/vendor_completions.d/marketplace.fish'
	$(QUIET)for file in $(DOCUMENTS); do \
	  mode=644; [ ! -x "$$file" ] || mode=755; install -D -m $$mode "$$file" '$(INSTALL_DOC)'/"$$file" || exit 1; done
	@echo 'installed for $(LUA); to see it: $(INSTALL_BIN)/marketplace --version'

.PHONY: uninstall
uninstall: ## remove what make install put there, with the same LUA=, PREFIX= and DESTDIR=; other Luas lose the command too
	$(QUIET)for file in $(LUA_FILES); do rm -f '$(INSTALL_LUA)'/"$${file#*lua/}" || exit 1; done
	$(QUIET)for file in $(notdir $(MODULES)); do rm -f '$(INSTALL_C)/marketplace'/"$$file" || exit 1; done
	$(QUIET)for file in $(DOCUMENTS); do rm -f '$(INSTALL_DOC)'/"$$file" || exit 1; done
	$(QUIET)rm -f '$(INSTALL_BIN)/marketplace' '$(INSTALL_SHARE)/man/man1/marketplace.1' \
	  '$(INSTALL_SHARE)/bash-completion/completions/marketplace' '$(INSTALL_SHARE)/zsh/site-functions/_marketplace' \
	  '$(INSTALL_SHARE)/fish/vendor_completions.d/marketplace.fish'
	$(QUIET)for folder in '$(INSTALL_LUA)/marketplace' '$(INSTALL_C)/marketplace' '$(INSTALL_DOC)'; do \
	  [ ! -d "$$folder" ] || find "$$folder" -depth -type d -empty -delete || exit 1; done

.PHONY: dist
dist: man ## write dist/lua-marketplace-scm.tar.gz, the source as it stands
	@tools/dist lua-marketplace-scm

.PHONY: deb
deb: packages-deb ## write Debian packages of the source as it stands into dist/ (VERSION=)
	@VERSION='$(VERSION)' tools/deb

.PHONY: deb-check
deb-check: ## install, use, upgrade, remove and purge the Debian packages in a bare SUITE=trixie that is booted (MIRROR=)
	@tools/debian $(or $(SUITE),trixie) deb-lifecycle BARE=yes

# in the bare system
.PHONY: deb-lifecycle
deb-lifecycle:
	@BARE='$(BARE)' tools/deb-lifecycle

.PHONY: release
release: ## check, and write into dist/, what is to be published as VERSION= with its tarball at URL=
	@tools/release '$(VERSION)' '$(URL)'

.PHONY: clean
clean: ## remove what was built
	rm -rf build dist

.PHONY: packages-run packages-run-nginx packages-check packages-test packages-analyze packages-fuzz packages-bench packages-valgrind packages-deb
packages-run:
	@tools/install-packages run $(LUA)
packages-run-nginx:
	@tools/install-packages run luajit run-nginx
packages-check:
	@tools/install-packages run $(LUA) check
packages-test:
	@tools/install-packages run test
packages-analyze:
	@tools/install-packages run lua5.4 analyze
packages-fuzz:
	@tools/install-packages run fuzz
packages-valgrind:
	@tools/install-packages run test valgrind
packages-bench:
	@tools/install-packages run test bench
packages-deb:
	@tools/install-packages run lua5.4 lua5.3 lua5.1 deb

.PHONY: help
help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
