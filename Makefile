# lua-marketplace: `make help` lists what there is.

LUA ?= lua5.4
LUAS := lua5.4 lua5.3 lua5.1 luajit
ABI_lua5.4 := 5.4
ABI_lua5.3 := 5.3
ABI_lua5.1 := 5.1
ABI_luajit := jit
ABI := $(ABI_$(LUA))
ifeq ($(ABI),)
$(error LUA must be one of: $(LUAS))
endif

PREFIX ?= /usr/local
DESTDIR ?=
# where this Lua looks for modules: LuaJIT looks where Lua 5.1 does
LUA_VERSION := $(if $(filter luajit,$(LUA)),5.1,$(ABI))
INSTALL_LUA := $(DESTDIR)$(PREFIX)/share/lua/$(LUA_VERSION)
INSTALL_C := $(DESTDIR)$(PREFIX)/lib/lua/$(LUA_VERSION)
INSTALL_BIN := $(DESTDIR)$(PREFIX)/bin

CC ?= cc
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(WERROR)
C11 := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(WARNINGS) -Icsrc
# the shared object stays loaded: OpenSSL and libcurl keep pointers into it until the process ends
SHARED := -shared -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now -Wl,--as-needed $(LDFLAGS)

# SANITIZE=1 builds everything into a folder of its own with ASan and UBSan
ifdef SANITIZE
C11 += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SHARED += -fsanitize=address,undefined
BUILD := build/sanitize
else
BUILD := build
endif

CORE_LIBS = $(shell $(PKG_CONFIG) --libs libcurl libcrypto)
SERVER_LIBS = $(shell $(PKG_CONFIG) --libs libmicrohttpd gnutls)
LUA_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(LUA))

COMMON_SOURCES := alloc buffer error
CORE_OBJECTS := $(patsubst csrc/core/%.c,$(BUILD)/core/%.o,$(sort $(wildcard csrc/core/*.c)))
SERVER_OBJECTS := $(patsubst csrc/server/%.c,$(BUILD)/server/%.o,$(sort $(wildcard csrc/server/*.c))) \
	$(COMMON_SOURCES:%=$(BUILD)/core/%.o)
LUA_CORE_OBJECTS := $(patsubst csrc/lua/%.c,$(BUILD)/$(ABI)/lua/%.o,\
	$(filter-out csrc/lua/http_server.c,$(sort $(wildcard csrc/lua/*.c))))
LUA_SERVER_OBJECTS := $(BUILD)/$(ABI)/lua/http_server.o $(BUILD)/$(ABI)/lua/push.o
MODULES := $(BUILD)/$(ABI)/marketplace/core.so $(BUILD)/$(ABI)/marketplace/http_server.so

.DEFAULT_GOAL := build

.PHONY: build
build: $(MODULES) ## build the C modules for one Lua (LUA=lua5.4|lua5.3|lua5.1|luajit)

$(BUILD)/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(CC) $(C11) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/$(ABI)/lua/%.o: csrc/lua/%.c
	@mkdir -p $(@D)
	$(CC) $(C11) $(CPPFLAGS) $(LUA_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/$(ABI)/marketplace/core.so: $(LUA_CORE_OBJECTS) $(CORE_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(SHARED) -o $@ $^ $(CORE_LIBS)

$(BUILD)/$(ABI)/marketplace/http_server.so: $(LUA_SERVER_OBJECTS) $(SERVER_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(SHARED) -o $@ $^ $(SERVER_LIBS)

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d)
