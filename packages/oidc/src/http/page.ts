import { createHash } from 'node:crypto'

/** What a page offers; `refresh`: a link that the page follows by itself. */
export interface PageAction {
  readonly label: string
  readonly href: string
  readonly method: 'get' | 'post' | 'refresh'
}

/** One line that somebody fills in. */
export interface PageField {
  readonly label: string
  readonly name: string
  readonly type: 'text' | 'password'
  readonly autocomplete: 'username' | 'current-password'
}

/** What somebody sends; `hidden` goes along. */
export interface PageForm {
  readonly action: string
  readonly submit: string
  readonly fields: readonly PageField[]
  readonly hidden: Readonly<Record<string, string>>
}

/** Text of a page of ours; escaped here and nowhere else. */
export interface Page {
  readonly title: string
  readonly message: string
  /** For the person who asks for help: a request id, a code. */
  readonly reference: string | null
  readonly action: PageAction | null
  /** What went wrong, told at once to who cannot see the page. */
  readonly alert?: string | null
  readonly form?: PageForm | null
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escape (text: string): string {
  return text.replace(/[&<>"']/g, character => ENTITIES[character] ?? '')
}

/** The style sheet of every page of ours. */
export const PAGE_STYLE = ':root{color-scheme:light dark;--ink:#1c2330;--soft:#566072;--paper:#fff;--ground:#f2f4f8;--line:#dde2ea;--mark:#2456c9;--on:#fff;--bad:#c0271d}@media(prefers-color-scheme:dark){:root{--ink:#e8ecf3;--soft:#a3adbd;--paper:#1b212c;--ground:#11151c;--line:#2f3847;--mark:#8db0ff;--on:#0d1420;--bad:#ff8f85}}*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--ground);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}main{width:min(30rem,100%);padding:2rem;background:var(--paper);border:1px solid var(--line);border-radius:14px}h1{margin:0 0 .5rem;font-size:1.4rem;line-height:1.25}p{margin:0 0 1.25rem;color:var(--soft)}a.b,button{display:inline-block;padding:.65rem 1.2rem;border:0;border-radius:9px;background:var(--mark);color:var(--on);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}label{display:block;margin:1rem 0 .3rem;font-weight:600}input{width:100%;padding:.6rem .75rem;border:1px solid var(--soft);border-radius:9px;background:var(--paper);color:var(--ink);font:inherit}.f{margin-top:1.5rem;padding-top:.5rem;border-top:1px solid var(--line)}.f button{margin-top:1.25rem}[role=alert]{padding:.65rem .9rem;border-left:4px solid var(--bad);color:var(--ink)}a.b:focus-visible,button:focus-visible,input:focus-visible{outline:3px solid var(--ink);outline-offset:2px}small{display:block;margin-top:1.5rem;color:var(--soft);overflow-wrap:anywhere}form{margin:0}'

function renderAction (action: PageAction | null): string {
  if (action === null) return ''
  const { label, href, method } = action
  return method === 'post'
    ? `<form method="post" action="${escape(href)}"><button>${escape(label)}</button></form>`
    : `<a class="b" href="${escape(href)}">${escape(label)}</a>`
}

function renderField ({ label, name, type, autocomplete }: PageField): string {
  return `<label for="${escape(name)}">${escape(label)}</label><input id="${escape(name)}" name="${escape(name)}" type="${type}" autocomplete="${autocomplete}" autocapitalize="none" spellcheck="false" required>`
}

function renderForm (form: PageForm | null): string {
  if (form === null) return ''
  const hidden = Object.entries(form.hidden).map(([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`)
  return `<form class="f" method="post" action="${escape(form.action)}">${hidden.join('')}${form.fields.map(renderField).join('')}<button>${escape(form.submit)}</button></form>`
}

function renderRefresh (action: PageAction | null): string {
  return action?.method === 'refresh' ? `<meta http-equiv="refresh" content="0;url=${escape(action.href)}">` : ''
}

/** A small page that needs no script and nothing from elsewhere. */
export function renderPage ({ title, message, reference, action, alert = null, form = null }: Page): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">${renderRefresh(action)}<title>${escape(title)}</title><style>${PAGE_STYLE}</style></head><body><main><h1>${escape(title)}</h1>${alert === null ? '' : `<p role="alert">${escape(alert)}</p>`}<p>${escape(message)}</p>${renderAction(action)}${renderForm(form)}${reference === null ? '' : `<small>${escape(reference)}</small>`}</main></body></html>\n`
}

const STYLE_HASH = createHash('sha256').update(PAGE_STYLE).digest('base64')

/** Nothing but our own style. No `form-action`: browsers hold it against the redirect to the provider too. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'`,
  'x-content-type-options': 'nosniff',
  // Our addresses carry codes and states. Not `no-referrer`: with it a form of ours would be sent with `Origin: null`, as if from elsewhere (Fetch, section 3.2).
  'referrer-policy': 'strict-origin'
}
