#include "lua/pin.h"

#include <dlfcn.h>
#include <stddef.h>

void mkt_lua_pin(void) {
  static const char here;
  Dl_info object;
  if (dladdr(&here, &object) == 0) return;
  /* the handle is kept on purpose: it is what pins */
  (void)dlopen(object.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}
