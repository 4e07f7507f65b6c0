import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import { html, trustHtml, type Html } from './html.ts'
import { PAGE_STYLE } from './page-style.ts'

/** What a page offers; `refresh`: a link that the page follows by itself. */
export interface PageAction {
  readonly label: string
  readonly href: string
  readonly method: 'get' | 'post' | 'refresh'
}

/** What stands on a page, in its frame. */
export interface PageContent {
  readonly title: string
  readonly main: Html
  readonly footer: Html | null
  /** A form that is sent by POST is on it. */
  readonly posts: boolean
  /** Its pictures are `data:` addresses, or of this origin. */
  readonly pictures: boolean
  /** Where the page goes by itself. */
  readonly refresh: string | null
}

/** A small page of text; escaped here and nowhere else. */
export interface Page {
  readonly title: string
  readonly message: string
  /** For the person who asks for help: a request id, a code. */
  readonly reference: string | null
  readonly action: PageAction | null
}

/** A page as it is sent. */
export interface PageAnswer {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const STYLE_HASH = createHash('sha256').update(PAGE_STYLE).digest('base64')
const STYLE = trustHtml(PAGE_STYLE)

/** What may run and load on a page; scripts and frames never. No `form-action`: browsers hold it against the redirect to the provider too. */
export function pageHeaders (sources: string, posts: boolean): Readonly<Record<string, string>> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; ${sources}; frame-ancestors 'none'; base-uri 'none'`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // Our addresses carry codes and states. With `no-referrer` a form would be sent with `Origin: null`, as if from elsewhere (Fetch, section 3.2).
    'referrer-policy': posts ? 'strict-origin' : 'no-referrer'
  }
}

const HEADERS = new Map([true, false].map(posts => [posts, new Map([true, false].map(pictures =>
  [pictures, pageHeaders(`style-src 'sha256-${STYLE_HASH}'${pictures ? "; img-src 'self' data:" : ''}`, posts)]))]))

/** A link that looks like a button, or a button that sends a form. */
export function renderAction ({ label, href, method }: PageAction, kind: 'first' | 'quiet' = 'first'): Html {
  if (method === 'post') return html`<form method="post" action="${href}"><button>${label}</button></form>`
  return kind === 'first' ? html`<a class="b" href="${href}">${label}</a>` : html`<a class="b quiet" href="${href}">${label}</a>`
}

/** The frame of every page: needs no script, and nothing from elsewhere. */
export function framePage ({ title, main, footer, posts, pictures, refresh }: PageContent): PageAnswer {
  const onwards = refresh === null ? null : html`<meta http-equiv="refresh" content="0;url=${refresh}">`
  const end = footer === null ? null : html`<footer dir="auto">${footer}</footer>`
  const { html: body } = html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">${onwards}<title>${title}</title><style>${STYLE}</style></head><body><main>${main}</main>${end}</body></html>\n`
  return { headers: HEADERS.get(posts)?.get(pictures) ?? {}, body }
}

/** A page of text in the frame. */
export function renderPage ({ title, message, reference, action }: Page): PageAnswer {
  const main = html`<h1 dir="auto">${title}</h1><p dir="auto">${message}</p>${action && renderAction(action)}${reference === null ? null : html`<small>${reference}</small>`}`
  return framePage({ title, main, footer: null, posts: action?.method === 'post', pictures: false, refresh: action?.method === 'refresh' ? action.href : null })
}

export function sendPage (reply: FastifyReply, { headers, body }: PageAnswer): FastifyReply {
  return reply.headers(headers).send(body)
}
