import { createRemoteJWKSet, customFetch as joseFetch } from 'jose'
import { None, allowInsecureRequests, customFetch, discovery as readMetadata, type ServerMetadata } from 'openid-client'
import type { Clock, EpochSeconds } from 'fastify-oidc-session-store'
import { ProviderInvalidError, ProviderUnavailableError } from '../errors.ts'
import type { ProviderHttp } from './http.ts'
import { ProviderFault } from './fault.ts'
import { toProviderError } from './provider-error.ts'

/** Metadata are read anew after this many seconds, in the background. */
const MAX_AGE = 86400
const FIRST_BACKOFF_MS = 1000
const MAX_BACKOFF_MS = 30_000

export type KeySet = ReturnType<typeof createRemoteJWKSet>

/** What the provider says of itself. */
export interface Metadata {
  readonly server: Readonly<ServerMetadata>
  readonly keys: KeySet | null
}

/** The discovery document of one provider, read when it is first needed. */
export interface Discovery {
  readonly current: Metadata | null
  /** @throws FST_OIDC_PROVIDER_UNAVAILABLE at once while a failed attempt is being backed off */
  get (): Promise<Metadata>
  /** Goes on trying in the background until it was read once. */
  keepTrying (onFailure: (error: unknown) => void): void
  close (): void
}

export interface DiscoveryOptions {
  readonly url: string
  readonly http: ProviderHttp
  readonly validIssuers: readonly string[]
  /** Endpoints that win over those of the document. */
  readonly overrides: Readonly<Record<string, string>>
  /** We show a certificate, which some providers ask for at other addresses. */
  readonly usesMutualTls: boolean
  /** Seconds. */
  readonly keysMaxAge: number
  readonly clock: Clock
}

const withoutSlash = (url: string): string => url.endsWith('/') ? url.slice(0, -1) : url

/** Who must answer at a discovery URL. */
export function issuerAskedFor (url: string): string {
  return url.replace(/\/\.well-known\/.*$/, '')
}

/** OpenID Connect Discovery 1.0, section 4.3: whoever answers there must say that it is who we asked. */
export function isIssuerTrusted (issuer: string, { url, validIssuers }: Pick<DiscoveryOptions, 'url' | 'validIssuers'>): boolean {
  return withoutSlash(issuer) === withoutSlash(issuerAskedFor(url)) || validIssuers.includes(issuer)
}

function checkIssuer (issuer: string, options: DiscoveryOptions): void {
  if (isIssuerTrusted(issuer, options)) return
  const asked = issuerAskedFor(options.url)
  throw Object.assign(new ProviderInvalidError(), { cause: new Error(`the discovery document of ${asked} names the issuer ${JSON.stringify(issuer).slice(0, 200)}: correct discovery, or list it in claim_validator.issuer.valid_issuers`) })
}

const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'end_session_endpoint', 'revocation_endpoint'] as const
const ALIASED = ['token_endpoint', 'userinfo_endpoint', 'revocation_endpoint', 'introspection_endpoint', 'pushed_authorization_request_endpoint'] as const

export function isWebAddress (value: string, needsTls: boolean): boolean {
  return URL.canParse(value) && (needsTls ? /^https:$/ : /^https?:$/).test(new URL(value).protocol)
}

/**
 * A browser, a token or our secret would be sent there: a place that is no web address is refused at once, not at
 * the first login. So is one without TLS in a document that came with it, unless the options say so.
 */
function checkEndpoints (server: Readonly<ServerMetadata>, { url, overrides }: DiscoveryOptions): void {
  for (const name of ENDPOINTS) {
    const value = server[name]
    const isNeeded = name === 'authorization_endpoint' || name === 'token_endpoint'
    const needsTls = url.startsWith('https:') && overrides[name] === undefined
    if (value === undefined ? !isNeeded : isWebAddress(value, needsTls)) continue
    throw Object.assign(new ProviderInvalidError(), { cause: new Error(`the provider has no usable ${name}${needsTls ? ' (https, as discovery is)' : ''}: correct discovery, or set ${name}`) })
  }
}

/** RFC 8705, section 5: those endpoints that look at certificates. */
function aliasesOf ({ mtls_endpoint_aliases: aliases }: Readonly<ServerMetadata>): Record<string, unknown> {
  if (aliases === undefined || aliases === null || typeof aliases !== 'object') return {}
  return Object.fromEntries(ALIASED.filter(name => Object.hasOwn(aliases, name)).map(name => [name, aliases[name]]))
}

/** Keys that could not be had are not asked for again for so long: tokens that anybody may send have us ask. */
const KEYS_PAUSE_MS = 1000

/** Keys that do not come are an outage, not a token that does not hold. */
async function fetchKeys (http: ProviderHttp, target: string, init: RequestInit): Promise<Response> {
  const answer = await http.fetch(target, init)
  if (answer.status === 200) return answer
  throw Object.assign(new ProviderUnavailableError(), { cause: new ProviderFault(new Error('jwks_uri gave no keys', { cause: answer })) })
}

type FetchKeys = (target: string, init: RequestInit) => Promise<Response>

function withPause (fetch: FetchKeys): FetchKeys {
  let failure: { readonly error: unknown, readonly retryAt: number } | null = null
  return async (target, init) => {
    if (failure !== null && performance.now() < failure.retryAt) throw failure.error
    try {
      const answer = await fetch(target, init)
      failure = null
      return answer
    } catch (error) {
      failure = { error, retryAt: performance.now() + KEYS_PAUSE_MS }
      throw error
    }
  }
}

async function read (options: DiscoveryOptions): Promise<Metadata> {
  const { url, http, overrides, usesMutualTls, keysMaxAge } = options
  const configuration = await readMetadata(new URL(url), 'discovery', undefined, None(), {
    [customFetch]: async (target, init) => await http.fetch(target, init),
    execute: [allowInsecureRequests],
    timeout: http.timeout
  })
  const document = configuration.serverMetadata()
  const server = { ...document, ...(usesMutualTls ? aliasesOf(document) : {}), ...overrides } as ServerMetadata
  checkIssuer(server.issuer, options)
  checkEndpoints(server, options)
  const keys = server.jwks_uri === undefined
    ? null
    : createRemoteJWKSet(new URL(server.jwks_uri), {
      [joseFetch]: withPause(async (target, init) => await fetchKeys(http, target, init)),
      timeoutDuration: http.timeout * 1000,
      cacheMaxAge: keysMaxAge * 1000
    })
  return { server, keys }
}

/** A document is no token and no code: it can be had, or cannot be used. */
function metadataError (error: unknown): Error {
  const known = toProviderError(error)
  return known instanceof ProviderUnavailableError || known instanceof ProviderInvalidError ? known : Object.assign(new ProviderInvalidError(), { cause: known.cause })
}

/** The error of a request that was not even tried. */
function repeated (error: Error): Error {
  return Object.assign(error instanceof ProviderInvalidError ? new ProviderInvalidError() : new ProviderUnavailableError(), { cause: error.cause ?? error })
}

/** One attempt at a time; a failure is backed off, so that a dead provider costs a request nothing. */
export function createDiscovery (options: DiscoveryOptions): Discovery {
  let current: Metadata | null = null
  let readAt: EpochSeconds = 0
  let flight: Promise<Metadata> | null = null
  let failure: { error: Error, retryAt: number } | null = null
  let backoffMs = FIRST_BACKOFF_MS
  let timer: NodeJS.Timeout | null = null
  let closed = false

  async function attempt (): Promise<Metadata> {
    try {
      current = await read(options)
      readAt = options.clock()
      failure = null
      backoffMs = FIRST_BACKOFF_MS
      return current
    } catch (error) {
      const known = metadataError(error)
      failure = { error: known, retryAt: performance.now() + backoffMs }
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS)
      throw known
    } finally {
      flight = null
    }
  }

  function attemptOnce (): Promise<Metadata> {
    flight ??= attempt()
    return flight
  }

  return {
    get current () { return current },
    async get () {
      if (current !== null) {
        if (options.clock() - readAt > MAX_AGE && (failure === null || performance.now() >= failure.retryAt)) {
          attemptOnce().catch(() => { /* the old metadata serve on; the next request after the back-off tries again */ })
        }
        return current
      }
      if (flight === null && failure !== null && performance.now() < failure.retryAt) throw repeated(failure.error)
      return await attemptOnce()
    },
    keepTrying (onFailure) {
      const run = (): void => {
        if (closed || current !== null) return
        attemptOnce().catch((error: unknown) => {
          if (closed) return
          onFailure(error)
          timer = setTimeout(run, failure === null ? FIRST_BACKOFF_MS : Math.max(1, failure.retryAt - performance.now()))
          timer.unref()
        })
      }
      run()
    },
    close () {
      closed = true
      if (timer !== null) clearTimeout(timer)
    }
  }
}
