import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose'
import { createTestProvider, type TestProvider } from 'fastify-oidc-testing'
import { SECRET } from '../../oidc/support.ts'
import type { Owner } from '../redis-process.ts'

const CLIENT_ID = 'app'
const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} }

/** What a provider gave to the sessions of one core. */
export interface Given {
  /** Refreshes that gave new tokens. */
  readonly refreshes: number
  /** When the last access token ends for who counts in whole seconds from when it came, in milliseconds since 1970; a second later where it came late. */
  readonly endMs: number
}

/** A provider that rotates refresh tokens, ends a grant whose token comes twice, and counts. */
export interface CountingProvider extends TestProvider {
  /** To the core whose callback is `/<core>/callback`. */
  given (core: string): Given
  /** Token requests that it refused: a refresh token that comes twice is. */
  refused (): number
  /** From now on access tokens live for so many seconds, unless they live longer anyway. */
  liveAtLeast (seconds: number): void
  /** What it would send when this session of its own ends. */
  logoutToken (sid: string): Promise<string>
}

let serial = 0

export async function startCountingProvider (owner: Owner, { accessTokenLife }: { readonly accessTokenLife: number }): Promise<CountingProvider> {
  let life = accessTokenLife
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const key: JWK = { ...await exportJWK(privateKey), kid: 'only', use: 'sig', alg: 'RS256' }
  const provider = await createTestProvider({
    autoLogin: 'alice',
    clients: [{
      client_id: CLIENT_ID,
      client_secret: SECRET,
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      // Nobody listens there: the tests send logout tokens themselves. It is what puts `sid` into ID tokens.
      backchannel_logout_uri: 'http://127.0.0.1:9/',
      backchannel_logout_session_required: true
    }],
    configuration: {
      jwks: { keys: [key as never] },
      ttl: { AccessToken: () => life, IdToken: 300, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 }
    }
  })
  owner.teardown(async () => { await provider.close() })
  // Of whatever port: where the gateways listen is known later.
  provider.provider.Client.prototype.redirectUriAllowed = () => true
  const given = new Map<string, Given>()
  const cores = new Map<string, string>()
  let refused = 0
  provider.provider.on('grant.success', ({ oidc: { params, entities } }) => {
    const { grantId = '' } = entities.AuthorizationCode ?? entities.RefreshToken ?? {}
    if (typeof params?.redirect_uri === 'string') cores.set(grantId, new URL(params.redirect_uri).pathname.split('/')[1] ?? '')
    const core = cores.get(grantId) ?? ''
    given.set(core, { refreshes: (given.get(core)?.refreshes ?? 0) + (params?.grant_type === 'refresh_token' ? 1 : 0), endMs: (Math.floor(Date.now() / 1000) + life) * 1000 })
  })
  provider.provider.on('grant.error', () => { refused++ })
  return {
    ...provider,
    given: core => given.get(core) ?? { refreshes: 0, endMs: 0 },
    refused: () => refused,
    liveAtLeast: seconds => { life = Math.max(life, seconds) },
    logoutToken: async sid => await new SignJWT({ events: EVENTS, sid })
      .setProtectedHeader({ alg: 'RS256', kid: 'only', typ: 'logout+jwt' })
      .setIssuer(provider.issuer).setAudience(CLIENT_ID).setIssuedAt().setExpirationTime('2m').setJti(`logout-${serial++}`)
      .sign(privateKey)
  }
}
