import type { FastifyInstance } from 'fastify'
import { Browser, describeHops, type Page } from './browser/browser.ts'
import { LoginIncompleteError } from './errors.ts'

export interface LoginOptions {
  /** The protected path to ask for. Default `/`. */
  readonly path?: string
  /** Who logs in. Default: the provider's `autoLogin`, or alice where it shows forms. */
  readonly user?: string
  /** A browser that has been somewhere already. Default: a new one. */
  readonly browser?: Browser
  /**
   * The application's origin as the browser sees it. An application that listens is then asked over HTTP, one that does not by `inject()`.
   * Default: `inject()`, at the origin of its redirect URI.
   */
  readonly origin?: string
}

export interface Login {
  readonly browser: Browser
  /** `Cookie` header for further requests. */
  readonly cookie: string
  /** What the path answered in the end. */
  readonly response: Page
}

const FALLBACK_ORIGIN = 'http://localhost'
const MAX_FORMS = 4

/** A cookie belongs to a host, so the login has to begin on the host that it comes back to. */
async function originOfRedirectUri (app: FastifyInstance, path: string): Promise<string> {
  const probe = await new Browser().route(FALLBACK_ORIGIN, app).navigate(`${FALLBACK_ORIGIN}${path}`, { follow: false })
  const redirectUri = probe.location?.searchParams.get('redirect_uri') ?? ''
  return URL.canParse(redirectUri) ? new URL(redirectUri).origin : FALLBACK_ORIGIN
}

function isInteraction (url: URL): boolean {
  return url.pathname.startsWith('/interaction/')
}

/** Fills in the provider's forms, if it shows any, until the browser is back. */
async function answerForms (browser: Browser, first: Page, origin: string, user: string | undefined): Promise<Page> {
  let page = first
  for (let form = 0; form < MAX_FORMS && page.url.origin !== origin && isInteraction(page.url) && page.status === 200; form++) {
    const login = /name="login"/.test(page.body)
    page = await browser.submit(page, login ? { login: user ?? 'alice', password: 'any' } : { decision: 'allow' })
  }
  return page
}

/**
 * Logs in at an application whose provider is a `createTestProvider()`, through the whole code flow.
 * @rejects FST_OIDC_TESTING_LOGIN_INCOMPLETE when the browser does not come back, for example because the provider has no such user
 */
export async function login (app: FastifyInstance, options: LoginOptions = {}): Promise<Login> {
  const { path = '/', user } = options
  await app.ready()
  const origin = new URL(options.origin ?? await originOfRedirectUri(app, path)).origin
  const browser = options.browser ?? new Browser()
  if (options.origin === undefined || !app.server.listening) browser.route(origin, app)
  const start = await browser.navigate(`${origin}${path}`, {
    onRedirect: to => {
      if (user !== undefined && isInteraction(to)) to.searchParams.set('login_hint', user)
      return to
    }
  })
  const response = await answerForms(browser, start, origin, user)
  if (response.url.origin !== origin) throw new LoginIncompleteError(describeHops([...start.history, ...response === start ? [] : response.history]))
  return { browser, cookie: browser.cookieHeader(`${origin}${path}`), response }
}
