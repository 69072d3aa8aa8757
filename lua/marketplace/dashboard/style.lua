--- The pages' looks: one column on a phone, tables that become cards there, light or dark as the system is. All colours
--- of text have a contrast of at least 4.5 to what is behind them (WCAG 2.2, AA).
return [[
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --surface: #fff; --raised: #f0f2f5; --line: #d3d8de; --field: #6b7480;
  --text: #1b2027; --quiet: #545d68; --accent: #0a59a8; --on-accent: #fff;
  --good: #17672e; --good-ground: #e2f3e6; --warning: #7a4b00; --warning-ground: #fbeecd;
  --bad: #ad1a13; --bad-ground: #fde7e5; --runs: #0a59a8; --runs-ground: #e1eefb;
  --mono: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1317; --surface: #171c22; --raised: #1f262d; --line: #313a44; --field: #77828e;
    --text: #e4e8ec; --quiet: #a0aab5; --accent: #79b8ff; --on-accent: #0b1b2b;
    --good: #6fd487; --good-ground: #15301d; --warning: #e8b956; --warning-ground: #352a10;
    --bad: #ff948c; --bad-ground: #401b19; --runs: #79b8ff; --runs-ground: #14293f;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--text); overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
}
h1, h2, h3, p, dl, dd, ul, ol, figure, pre { margin: 0; }
h1 { font-size: 1.4rem; line-height: 1.25; font-weight: 650; letter-spacing: -.01em; }
h2 { font-size: 1rem; font-weight: 650; }
h3 { font-size: .93rem; font-weight: 650; }
a { color: var(--accent); text-underline-offset: .15em; text-decoration-thickness: from-font; }
a:hover { text-decoration-thickness: 2px; }
code, pre, kbd, samp { font-family: var(--mono); font-size: .88em; }
time { white-space: nowrap; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
main:focus { outline: none; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -999px; top: 0; z-index: 2; padding: .6rem 1rem; background: var(--surface); }
.skip:focus { left: .5rem; top: .5rem; }
.quiet, .hint, .note { color: var(--quiet); }
.hint, .note { font-size: .87rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; }

/* The bar */
.bar { background: var(--surface); border-bottom: 1px solid var(--line); }
.bar > div {
  max-width: 76rem; margin: 0 auto; padding: 0 1rem; display: flex; flex-wrap: wrap; align-items: center;
  column-gap: 1.25rem;
}
.brand { padding: .7rem 0; color: var(--text); font-weight: 700; letter-spacing: -.01em; text-decoration: none; }
.bar nav { flex: 1; min-width: 0; }
.bar nav ul { display: flex; gap: .1rem; padding: 0; list-style: none; overflow-x: auto; }
.bar nav a {
  display: block; padding: .7rem .7rem calc(.7rem - 2px); color: var(--quiet); text-decoration: none;
  white-space: nowrap; border-bottom: 2px solid transparent;
}
.bar nav a:hover { color: var(--text); }
.bar nav a[aria-current] { color: var(--text); border-color: var(--accent); font-weight: 600; }
.bar nav a:focus-visible { outline-offset: -3px; }
@media (max-width: 44rem) {
  .bar nav { order: 3; flex: 1 0 100%; margin: 0 -1rem; }
  .bar nav ul { padding: 0 .3rem; }
  .bar nav a { padding-top: .35rem; }
  .sign-out { margin-left: auto; }
}

/* The content */
main, .stack { display: grid; gap: 1.1rem; }
main { max-width: 76rem; margin: 0 auto; padding: 1.35rem 1rem 2rem; }
main > *, .stack > *, section > * { min-width: 0; }
section { display: grid; gap: .7rem; min-width: 0; }
footer { max-width: 76rem; margin: 0 auto; padding: 0 1rem 2rem; color: var(--quiet); font-size: .85rem; }
.heading { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; justify-content: space-between; }
.panel {
  background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1rem; display: grid;
  gap: .7rem; align-content: start;
}
.columns { display: grid; gap: 1.1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
ul.plain { padding: 0; list-style: none; }
.row { display: flex; flex-wrap: wrap; gap: .5rem .8rem; align-items: center; }
.apart { justify-content: space-between; }
.plain > li + li { margin-top: .1rem; }
.nothing { color: var(--quiet); padding: .5rem 0; }
.flash, .problem-box {
  border: 1px solid currentColor; border-left-width: 4px; border-radius: 6px; padding: .65rem .9rem;
  background: var(--surface);
}
.flash.good { background: var(--good-ground); color: var(--good); }
.flash.bad, .problem-box { background: var(--bad-ground); color: var(--bad); }
.problem-box p { margin-top: .25rem; color: var(--text); }

/* Figures */
.figures {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(50%, 9.2rem), 1fr));
  background: var(--surface); border: 1px solid var(--line); border-radius: 8px; overflow: hidden;
}
.figure { padding: .75rem .95rem .8rem; box-shadow: 1px 1px 0 var(--line); }
.figure dt { color: var(--quiet); font-size: .87rem; }
.figure .value { font-size: 1.55rem; line-height: 1.3; font-weight: 620; font-variant-numeric: tabular-nums; }
.figure a { text-decoration: none; }
.figure a:hover { text-decoration: underline; }
.figure.bad .value { color: var(--bad); }
.figure.warning .value { color: var(--warning); }
.figure.good .value { color: var(--good); }

/* Words in colours */
.badge {
  display: inline-block; padding: 0 .5em; border-radius: 1em; font-size: .83rem; line-height: 1.55; font-weight: 600;
  white-space: nowrap; background: var(--raised); color: var(--quiet);
}
.badge.good { background: var(--good-ground); color: var(--good); }
.badge.bad { background: var(--bad-ground); color: var(--bad); }
.badge.warning, .badge.waits { background: var(--warning-ground); color: var(--warning); }
.badge.runs { background: var(--runs-ground); color: var(--runs); }
.bad { color: var(--bad); }

/* Tables */
.scroll { overflow-x: auto; background: var(--surface); border: 1px solid var(--line); border-radius: 8px; }
table { width: 100%; border-collapse: collapse; font-size: .93rem; }
th, td { padding: .42rem .8rem; text-align: left; vertical-align: top; }
th.number, td.number { text-align: right; }
th { color: var(--quiet); font-weight: 600; font-size: .83rem; white-space: nowrap; background: var(--raised); }
td { border-top: 1px solid var(--line); }
td code { overflow-wrap: anywhere; }
tbody tr:hover { background: var(--raised); }
@media (max-width: 44rem) {
  .scroll { border: 0; background: none; overflow: visible; }
  table, tbody { display: grid; gap: .6rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr {
    display: grid; gap: .15rem; padding: .6rem .8rem; background: var(--surface); border: 1px solid var(--line);
    border-radius: 8px;
  }
  tbody tr:hover { background: var(--surface); }
  td, td.number {
    display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: .6rem; padding: .1rem 0; border: 0;
    text-align: left;
  }
  td::before { content: attr(data-label); color: var(--quiet); font-size: .87rem; }
}
tr.fresh { animation: fresh 3s ease-out; }
@keyframes fresh { from { background: var(--runs-ground); } }
@media (prefers-reduced-motion: reduce) { tr.fresh { animation: none; } }

/* Names and values */
.fields { display: grid; gap: .4rem; }
.fields > div { display: grid; grid-template-columns: 9.5rem minmax(0, 1fr); gap: .8rem; }
.fields dt { color: var(--quiet); }
@media (max-width: 30rem) { .fields > div { grid-template-columns: 1fr; gap: 0; } }
pre {
  padding: .8rem .95rem; background: var(--raised); border: 1px solid var(--line); border-radius: 6px;
  overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 2;
}
details > summary { cursor: pointer; }
progress, meter { width: 100%; height: .7rem; accent-color: var(--accent); }

/* Forms */
form { margin: 0; }
form.inline { display: inline; }
label { font-weight: 600; font-size: .9rem; }
.field { display: grid; gap: .25rem; align-content: start; min-width: 0; }
.search { display: flex; flex-wrap: wrap; gap: .7rem; align-items: end; }
.search .field { flex: 1 1 9rem; }
input, select, textarea {
  width: 100%; min-height: 2.4rem; padding: .35rem .6rem; font: inherit; color: inherit; background: var(--surface);
  border: 1px solid var(--field); border-radius: 6px;
}
input[type="checkbox"], input[type="radio"] { width: auto; min-height: 0; accent-color: var(--accent); }
button, .button {
  display: inline-block; min-height: 2.4rem; padding: .4rem .9rem; font: inherit; font-weight: 600; line-height: 1.4;
  cursor: pointer; color: var(--text); background: var(--surface); border: 1px solid var(--field); border-radius: 6px;
  text-decoration: none;
}
button:hover, .button:hover { background: var(--raised); }
button.primary, .button.primary { color: var(--on-accent); background: var(--accent); border-color: var(--accent); }
button.danger, .button.danger { color: var(--bad); border-color: currentColor; }
button.primary:hover, .button.primary:hover { filter: brightness(1.1); }
button.plain { min-height: 0; padding: .3rem .1rem; font-weight: 400; color: var(--quiet); border-color: transparent;
  background: none; }
button.plain:hover { color: var(--text); text-decoration: underline; }
.login { max-width: 24rem; }
.login form {
  display: grid; gap: .9rem; padding: 1.2rem; background: var(--surface); border: 1px solid var(--line);
  border-radius: 8px;
}
.login button { justify-self: start; }

/* Live */
.live { display: flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: center; color: var(--quiet); font-size: .87rem; }
.live button { min-height: 0; padding: .1rem .6rem; font-size: .87rem; }
.live::before { content: ""; width: .55rem; height: .55rem; border-radius: 50%; background: var(--good); }
.live.paused::before { background: var(--field); }
.live.broken::before { background: var(--bad); }
@media print { .bar, .live, form { display: none; } body { background: none; } }
]]
