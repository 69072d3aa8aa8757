--- What the marketplace says of its apps, by Apple's ids: what is not in their packages. In earnest: your database.
return {
  ["6740067890"] = {
    name = "Chess", description = "For two, or for one and a patient telephone.", category = "Games",
    page = "https://localhost:8443/apps/6740067890", -- which the catalogue for Spotlight names
  },
  ["6740099999"] = {
    name = "Notes", description = "What you would forget, without what you would rather forget.",
    category = "Productivity", page = "https://localhost:8443/apps/6740099999",
  },
}
