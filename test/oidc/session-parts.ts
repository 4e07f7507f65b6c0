import type { FastifyInstance, LightMyRequestResponse as Response } from 'fastify'
import type { Session, StoredSession } from 'fastify-oidc-session-store'
import { login } from 'fastify-oidc-testing'
import { createLyingProvider, type LyingProvider } from '../support/lying-provider.ts'

interface Scope { teardown (run: () => unknown): void }

export const now = (): number => Math.floor(Date.now() / 1000)

/** The clock of this process, moved on without waiting. */
export function movableClock (t: Scope): { advance (seconds: number): void } {
  const real = Date.now
  let aheadMs = 0
  Date.now = () => real() + aheadMs
  t.teardown(() => { Date.now = real })
  return { advance (seconds) { aheadMs += seconds * 1000 } }
}

export async function lyingProvider (t: Scope): Promise<LyingProvider> {
  const provider = await createLyingProvider()
  t.teardown(async () => { await provider.close() })
  return provider
}

/** The handle that a Cookie header carries, in one cookie or several. */
export function handleOf (cookie: string): string {
  return cookie.split('; ')
    .filter(pair => !/^[^=]*_tx_/.test(pair))
    .map(pair => pair.slice(pair.indexOf('=') + 1).replace(/^\d+\.[\w-]{6}\./, ''))
    .join('')
}

export async function storedOf (app: FastifyInstance, cookie: string): Promise<StoredSession> {
  const stored = await app.oidcSessionStore.get(handleOf(cookie))
  if (stored === null) throw new Error('no session behind this cookie')
  return stored
}

/** The session of a cookie with something changed, such as a token that died: time need not pass. */
export async function reissue (app: FastifyInstance, cookie: string, change: Partial<Session>): Promise<string> {
  const { session } = await storedOf(app, cookie)
  return await app.oidc.issueCookie({ ...session, ...change })
}

/** A login at the provider, and then a session whose access token has been dead for a minute, or dies in so many seconds. */
export async function loginWithToken (app: FastifyInstance, expiresIn = -60): Promise<string> {
  const { cookie } = await login(app)
  return await reissue(app, cookie, { accessTokenExpiresAt: now() + expiresIn })
}

/** The Cookie header after an answer: what it set, over what was sent. */
export function cookieAfter (response: Response, before = ''): string {
  const jar = new Map(before.split('; ').filter(pair => pair !== '').map(pair => [pair.slice(0, pair.indexOf('=')), pair]))
  for (const line of setCookies(response)) {
    const pair = line.slice(0, line.indexOf(';'))
    const name = pair.slice(0, pair.indexOf('='))
    if (/max-age=0/i.test(line)) jar.delete(name)
    else jar.set(name, pair)
  }
  return [...jar.values()].join('; ')
}

export function setCookies (response: Response): string[] {
  return [response.headers['set-cookie'] ?? []].flat()
}

export function isCleared (response: Response, name = 'oidc'): boolean {
  return setCookies(response).some(line => line.startsWith(`${name}=;`) && /Max-Age=0/.test(line))
}
