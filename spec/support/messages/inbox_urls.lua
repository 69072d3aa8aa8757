--- Inbox URLs that cannot be read.
local cases = { title = "inbox URLs" }

for i, url in ipairs {
  "noise.db", "paper:x", "sqlite:", "sqlite://x", "sqlite:x?timeout=0", "postgres://m:%zz@h/d",
  "postgres://m:%00@h/d", "postgres://m:p/w@h/d", "postgres://h:99999/d",
  "postgres://m@h/d?timeout=0", "postgres://m@h/d?replicas=0", "postgres://m@h/d?durability=soft",
  "postgres://m@h/d?colour=red", "postgres:host", "postgres:host=a colour=red", "postgres:host=a host=b",
  "postgres:host=a timeout=0", "redis://[::1", "redis://::1:6379", "redis://[::1]x",
  "redis://h:99999", "redis://h/x", "redis://h?prefix", "redis://h?prefix=", "redis://h?prefix=a&prefix=b",
  "redis://h?colour=red", "redis://h?timeout=0", "redis:h", "redis:host=a host=b", "redis:host=a colour=red",
  "rediss://h?cert=a", "rediss:host=a", "redis+unix://h/p", "redis+unix:p", "redis+unix:",
} do
  cases[i] = { ("inbox list --inbox '%s'"):format(url) }
end

return cases
