import { Browser, type Page } from 'fastify-oidc-testing'
import { createLyingProvider, type LyingProvider } from '../support/lying-provider.ts'
import { freePort } from '../support/free-port.ts'

interface Scope { teardown (run: () => unknown): void }

export const ORIGIN = 'http://localhost'

const MAX_HOPS = 12

/** A provider that lies on request; closed after the test. */
export async function lyingProvider (t: Scope, client: { readonly id?: string, readonly secret?: string } = {}): Promise<LyingProvider> {
  const provider = await createLyingProvider(client)
  t.teardown(async () => { await provider.close() })
  return provider
}

/** Follows redirects at the provider up to the answer for the application, which is not asked yet. */
export async function toCallback (browser: Browser, authorization: URL, origin = ORIGIN): Promise<URL> {
  let to: URL | null = authorization
  for (let hop = 0; to !== null && hop < MAX_HOPS; hop++) {
    if (to.origin === origin) return to
    const page: Page = await browser.navigate(to, { follow: false })
    to = page.location
  }
  throw new Error(`${authorization.origin}${authorization.pathname} did not lead back to ${origin}`)
}

/** Asks for a protected page and answers where the provider sends the browser then. */
export async function answerFor (browser: Browser, url: string, origin = ORIGIN): Promise<URL> {
  const { status, location } = await browser.navigate(url, { follow: false })
  if (location === null) throw new Error(`${url} answered ${status} and led nowhere`)
  return await toCallback(browser, location, origin)
}

/** The same order in each run, and not the one they came in. */
export function shuffle<T> (items: readonly T[], seed: number): T[] {
  let state = seed >>> 0
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return items.map(item => ({ item, rank: next() })).sort((a, b) => a.rank - b.rank).map(({ item }) => item)
}

/** Lines of the log from this level on: 40 is warn. */
export function complaints (log: ReadonlyArray<Record<string, unknown>>, level = 40): ReadonlyArray<Record<string, unknown>> {
  return log.filter(line => Number(line.level) >= level)
}

/** Where nothing listens. */
export async function closedOrigin (): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`
}
