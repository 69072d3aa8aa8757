--- The looks of the views of notifications and packages: what `style` does not have already.
return [[
/* Which ones */
.tabs { border-bottom: 1px solid var(--line); }
.tabs ul { display: flex; flex-wrap: wrap; gap: .1rem .2rem; padding: 0; list-style: none; }
.tabs a {
  display: block; padding: .4rem .7rem calc(.4rem - 2px); color: var(--quiet); text-decoration: none;
  border-bottom: 2px solid transparent;
}
.tabs a:hover { color: var(--text); }
.tabs a[aria-current] { color: var(--text); border-color: var(--accent); font-weight: 600; }
.tabs .value { font-variant-numeric: tabular-nums; }
.search {
  display: grid; gap: .7rem; padding: .9rem 1rem; background: var(--surface); border: 1px solid var(--line);
  border-radius: 8px;
}
.grid { display: grid; gap: .7rem .8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 8.2rem), 1fr)); }
@media (min-width: 44rem) { .grid { grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); } }
.more > .grid { margin-top: .7rem; }
.more > summary { color: var(--quiet); }
.buttons { display: flex; flex-wrap: wrap; gap: .5rem .9rem; align-items: center; }
[aria-invalid] { border-color: var(--bad); }
.hint.bad { color: var(--bad); }

/* What can be done */
.actions { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.actions .hint { margin-right: .2rem; }
.pages { display: flex; gap: 1.2rem; }
.question {
  display: grid; gap: 1rem; padding: 1rem 1.1rem; background: var(--surface); border: 1px solid var(--line);
  border-radius: 8px; max-width: 44rem;
}
fieldset { margin: 0; padding: 0; border: 0; display: grid; gap: .6rem; min-width: 0; }
legend { padding: 0 0 .4rem; font-weight: 600; font-size: .9rem; }
.choice { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .6rem; align-items: start; }
.choice input { margin: .35rem 0 0; }
.choice label { font-weight: 400; font-size: 1rem; }
.choice .hint { display: block; }

/* Dead letters by code */
.cards {
  display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); padding: 0;
  list-style: none;
}
.card {
  display: grid; gap: .5rem; align-content: start; padding: .85rem 1rem; background: var(--surface);
  border: 1px solid var(--line); border-radius: 8px;
}
.card[aria-current] { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.card h3 { display: flex; justify-content: space-between; gap: .8rem; align-items: baseline; font-size: 1rem; }
.card .value { font-size: 1.4rem; font-weight: 620; font-variant-numeric: tabular-nums; }
.card p { color: var(--quiet); font-size: .93rem; }

/* One of them */
.outlook { font-size: 1.05rem; }
.facts { padding: .9rem 1rem; background: var(--surface); border: 1px solid var(--line); border-radius: 8px; }
.facts pre { padding: .4rem .6rem; }
td pre { padding: .3rem .5rem; font-size: .85em; }
td.reason { color: var(--quiet); }
@media (min-width: 44rem) { td.reason { min-width: 13rem; } td.id { min-width: 11.5rem; } }
pre.body { max-height: 34rem; overflow: auto; }
details > summary + pre { margin-top: .6rem; }
.reasons { padding: .7rem .9rem .7rem 2rem; background: var(--warning-ground); border-radius: 6px; }
td progress { display: block; min-width: 6rem; }
td.app code, td.short, td.short code { white-space: nowrap; }
@media (max-width: 44rem) {
  td.app code, td.short, td.short code { white-space: normal; }
  td[data-empty] { display: none; }
  .question button, .actions .button { flex: 1 0 auto; text-align: center; }
}
]]
