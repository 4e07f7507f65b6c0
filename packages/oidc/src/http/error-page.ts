import { html, type Html } from './html.ts'
import { framePage, renderAction, type PageAnswer } from './page.ts'

/** What a person is told of an error; nothing of it comes from a provider. */
export interface ErrorFacts {
  readonly status: number
  /** The name of the status. */
  readonly title: string
  readonly message: string
  /** `FST_OIDC_…` */
  readonly code: string
  /** As in the log. */
  readonly requestId: string
  /** Where the same can be tried again; null: it would end the same way. */
  readonly tryAgain: string | null
  /** Where whoever signs in again wants to go: an address that a browser may be sent to. */
  readonly returnTo: string
}

export type RenderError = (facts: ErrorFacts) => PageAnswer

/** The pages of one core for people who meet an error. */
export interface ErrorPages {
  readonly render: RenderError
  /** From now on they look like this. */
  replace (render: RenderError): void
}

/** What else stands on an error page. */
export interface ErrorSurroundings {
  /** The address of a sign-in page; null: there is none that would change anything. */
  readonly signIn: string | null
  readonly footer: Html | null
  readonly pictures: boolean
}

const BARE: ErrorSurroundings = { signIn: null, footer: null, pictures: false }

/** The error page of this package family. */
export function renderErrorPage ({ status, title, message, code, requestId, tryAgain }: ErrorFacts, { signIn, footer, pictures }: ErrorSurroundings = BARE): PageAnswer {
  const main = html`<p class="status">Error ${status}</p><h1>${title}</h1><p>${message.charAt(0).toUpperCase() + message.slice(1)}</p>${
    tryAgain === null ? null : renderAction({ label: 'Try again', href: tryAgain, method: 'get' })}${
    signIn === null ? null : renderAction({ label: status === 403 ? 'Sign in with another account' : 'Sign in', href: signIn, method: 'get' }, tryAgain === null ? 'first' : 'quiet')
  }<small>${code} · request ${requestId}</small>`
  return framePage({ title, main, footer, posts: false, pictures, refresh: null })
}

export function createErrorPages (): ErrorPages {
  let current: RenderError = facts => renderErrorPage(facts)
  return {
    render: facts => current(facts),
    replace (render) { current = render }
  }
}
