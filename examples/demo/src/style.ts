/** No fonts and no pictures from anywhere; light and dark as the reader's system says. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #f4f5f7; --card: #fff; --well: #f4f5f7; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --accent: #0b5cad; --on-accent: #fff; --tag: #ddebf9; --on-tag: #0a4a8a; --focus: #0b5cad66 }
@media (prefers-color-scheme: dark) { :root { --ground: #101418; --card: #181d23; --well: #11161b; --ink: #e8ecf0; --soft: #a0abb6; --line: #363f49; --accent: #7cb8f5; --on-accent: #08131f; --tag: #1d3550; --on-tag: #b9dbfb; --focus: #7cb8f566 } }
* { box-sizing: border-box }
body { margin: 0; padding: clamp(1rem, 4vw, 3rem) 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
main { max-width: 52rem; margin: 0 auto }
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; justify-content: space-between; margin-bottom: 1.5rem }
header div { flex: 1 1 20rem }
h1 { margin: 0; font-size: clamp(1.5rem, 4vw, 2rem); line-height: 1.2; overflow-wrap: anywhere }
h2 { margin: 2rem 0 .75rem; font-size: 1.125rem }
h3 { margin: 0; font: 600 1rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere }
p { margin: .25rem 0 0 }
.soft { color: var(--soft) }
.button { flex: none; padding: .5625rem 1.125rem; color: var(--on-accent); background: var(--accent); border-radius: .5rem; font-weight: 600; text-decoration: none }
.button:hover { text-decoration: underline }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px }
.facts { display: flex; flex-wrap: wrap; gap: 1px; margin: 0; background: var(--line); border: 1px solid var(--line); border-radius: .75rem; overflow: hidden }
.facts div { flex: 1 1 11rem; padding: .875rem 1.125rem; background: var(--card) }
dt { font-size: .875rem; color: var(--soft) }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere }
section { margin-bottom: 1rem; padding: 1rem 1.125rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
.head { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; justify-content: space-between }
.tag { padding: .0625rem .5rem; font-size: .8125rem; color: var(--on-tag); background: var(--tag); border-radius: 1rem }
pre { margin: .75rem 0 0; padding: .75rem .875rem; overflow-x: auto; background: var(--well); border: 1px solid var(--line); border-radius: .5rem; font: .875rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace }
pre.wrap { white-space: pre-wrap; overflow-wrap: anywhere }
details { margin-top: .75rem }
section > details:first-child { margin-top: 0 }
section > details > table { margin-top: .75rem }
summary { cursor: pointer; color: var(--soft); font-size: .875rem }
table { width: 100%; border-collapse: collapse; font-size: .875rem }
th, td { padding: .375rem .75rem .375rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); overflow-wrap: anywhere }
th { width: 35%; font: inherit; color: var(--soft) }
tr:first-child > * { border-top: 0 }`
