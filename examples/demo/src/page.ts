import type { ShownHeader, ShownRequest } from './shown-request.ts'
import { STYLE } from './style.ts'

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escape (text: string): string {
  return text.replace(/[&<>"']/g, character => ESCAPES[character] ?? character)
}

/** `4 min 5 s`. */
export function formatSeconds (seconds: number): string {
  const units = [['h', Math.floor(seconds / 3600)], ['min', Math.floor(seconds / 60) % 60], ['s', seconds % 60]] as const
  const parts = units.filter(([, count]) => count > 0).map(([unit, count]) => `${count} ${unit}`)
  return parts.length === 0 ? '0 s' : parts.join(' ')
}

function code (value: unknown): string {
  return `<pre tabindex="0">${escape(JSON.stringify(value, null, 2))}</pre>`
}

function asReceived (raw: string): string {
  return `<details><summary>as received, ${raw.length} characters</summary><pre class="wrap">${escape(raw)}</pre></details>`
}

function renderHeader ({ name, value }: ShownHeader): string {
  const title = (tag: string): string => `<div class="head"><h3>${escape(name)}</h3><span class="tag">${tag}</span></div>`
  switch (value.kind) {
    case 'text': return `<section>${title('text')}<pre class="wrap">${escape(value.text)}</pre></section>`
    case 'json': return `<section>${title('JSON in base64')}${code(value.json)}${asReceived(value.raw)}</section>`
    case 'jwt': return `<section>${title(`JWT, ${escape(String(value.header.alg))}`)}${code(value.json)}<details><summary>its header</summary>${code(value.header)}</details>${asReceived(value.raw)}</section>`
  }
}

function renderGreeting (caller: string | null): string {
  if (caller === null) return '<header><div><h1>Nobody is signed in</h1><p class="soft">This request reached the upstream without an identity.</p></div></header>'
  return `<header><div><h1>Hello, ${escape(caller)}</h1><p class="soft">The gateway signed you in and told this upstream who you are. The upstream itself knows nothing of OpenID Connect.</p></div><a class="button" href="/logout">Log out</a></header>`
}

function renderFacts ({ method, path, secondsLeft }: ShownRequest): string {
  const left = secondsLeft === null ? 'there is none' : secondsLeft === 0 ? 'expired' : `${formatSeconds(secondsLeft)} left`
  return `<dl class="facts"><div><dt>Method</dt><dd>${escape(method)}</dd></div><div><dt>Path</dt><dd>${escape(path)}</dd></div><div><dt>Access token</dt><dd>${left}</dd></div></dl>`
}

const COOKIES = 'Cookies of other servers on this host, such as the provider: browsers send them to every port. The gateway keeps its own to itself.'

function renderOthers (others: ShownRequest['others']): string {
  const rows = others.map(([name, value]) => `<tr><th scope="row">${escape(name)}</th><td>${escape(value)}${name === 'cookie' ? `<p class="soft">${COOKIES}</p>` : ''}</td></tr>`)
  return `<h2>Other headers</h2>\n<section><details><summary>${others.length} headers</summary><table>${rows.join('\n')}</table></details></section>`
}

/** The page of the upstream. Everything in it came from outside and is escaped. */
export function renderPage (request: ShownRequest): string {
  const identity = request.identity.map(renderHeader).join('\n')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${request.caller === null ? 'Nobody is signed in' : `Signed in as ${escape(request.caller)}`} · fastify-oidc demo</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
${renderGreeting(request.caller)}
${renderFacts(request)}
${identity === '' ? '' : `<h2>Who the upstream was told you are</h2>\n${identity}`}
${renderOthers(request.others)}
</main>
</body>
</html>
`
}
