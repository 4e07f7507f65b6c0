const STYLE = `
:root { color-scheme: light dark; --ground: #f4f5f7; --card: #fff; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --accent: #0b5cad; --on-accent: #fff; --bad: #b3261e; --focus: #0b5cad66 }
@media (prefers-color-scheme: dark) { :root { --ground: #101418; --card: #181d23; --ink: #e8ecf0; --soft: #a0abb6; --line: #363f49; --accent: #7cb8f5; --on-accent: #08131f; --bad: #ffb4ab; --focus: #7cb8f566 } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
main { width: 100%; max-width: 25rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 2rem }
h1 { margin: 0 0 .25rem; font-size: 1.375rem; line-height: 1.25 }
p { margin: 0 0 1rem; overflow-wrap: anywhere }
.soft { color: var(--soft) }
.bad { color: var(--bad); font-weight: 600 }
label { display: block; margin-bottom: .25rem; font-weight: 600 }
form { margin-bottom: 1rem }
input { width: 100%; margin-bottom: 1rem; padding: .625rem .75rem; font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: .5rem }
button { width: 100%; padding: .6875rem 1rem; font: inherit; font-weight: 600; color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .5rem; cursor: pointer }
button.second { margin-top: .75rem; color: var(--ink); background: transparent; border-color: var(--line) }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 1px }
ul { margin: 0 0 1.25rem; padding-left: 1.25rem }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9375em }
footer { margin-top: 1.5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .875rem; color: var(--soft) }
footer p { margin: 0 }`

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeHtml (text: string): string {
  return text.replace(/[&<>"']/g, character => ESCAPES[character] ?? character)
}

function page (title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
${body}
<footer><p>Development provider. It believes everybody: never expose it.</p></footer>
</main>
</body>
</html>
`
}

export interface LoginPage {
  readonly client: string
  /** What the name field starts with. */
  readonly name: string
  readonly names: readonly string[]
  /** Nobody has the name that was sent. */
  readonly refused: boolean
}

export function renderLoginPage ({ client, name, names, refused }: LoginPage): string {
  const known = names.map(known => `<code>${escapeHtml(known)}</code>`).join(', ')
  return page('Sign in', `<h1>Sign in</h1>
<p class="soft">to continue to <strong>${escapeHtml(client)}</strong></p>
${refused ? `<p class="bad" role="alert" id="refused">There is nobody called ${escapeHtml(name)} here.</p>` : ''}
<form method="post">
<label for="login">User name</label>
<input id="login" name="login" value="${escapeHtml(name)}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus aria-describedby="hint">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" aria-describedby="hint">
<button type="submit">Sign in</button>
</form>
<p class="soft" id="hint">Users: ${known}. Any password is right.</p>`)
}

export interface ConsentPage {
  readonly client: string
  readonly user: string
  readonly scopes: readonly string[]
}

export function renderConsentPage ({ client, user, scopes }: ConsentPage): string {
  const items = scopes.map(scope => `<li><code>${escapeHtml(scope)}</code></li>`).join('')
  return page('Allow access', `<h1>Allow access?</h1>
<p class="soft"><strong>${escapeHtml(client)}</strong> asks for, about <strong>${escapeHtml(user)}</strong>:</p>
<ul>${items}</ul>
<form method="post">
<button type="submit" name="decision" value="allow" autofocus>Allow</button>
<button type="submit" name="decision" value="deny" class="second">Deny</button>
</form>`)
}

export function renderMessagePage (title: string, text: string): string {
  return page(title, `<h1>${escapeHtml(title)}</h1>\n<p>${escapeHtml(text)}</p>`)
}

export function renderErrorPage (out: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(out).map(([name, value]) => `<p><code>${escapeHtml(name)}</code>: ${escapeHtml(String(value))}</p>`).join('\n')
  return page('This did not work', `<h1>This did not work</h1>\n${lines}`)
}
