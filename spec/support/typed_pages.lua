-- The pages in docs/ whose commands and Lua blocks are all run by readme_spec, with what they need around them.
return {
  "docs/notifications.md", "docs/inbox.md", "docs/lua.md", "docs/app-store-connect.md", "docs/troubleshooting.md",
  "docs/installing.md", "docs/comparison.md",
}
