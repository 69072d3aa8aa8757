--- What the marketplace says of its apps, by Apple's ids: what is not in their packages. In earnest: your database.
return {
  ["6740067890"] = { name = "Chess", about = "For two, or for one and a patient telephone." },
  ["6740099999"] = { name = "Notes", about = "What you would forget, without what you would rather forget." },
}
