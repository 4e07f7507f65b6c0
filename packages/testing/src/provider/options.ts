import type { AccountClaims, ClientMetadata, Configuration } from 'oidc-provider'
import { TestProviderOptionsError } from '../errors.ts'
import type { ListenerTls } from './listener.ts'

/** The claims of one user. `sub` is the user's name unless it is given. */
export interface TestUser {
  readonly sub?: string
  readonly [claim: string]: unknown
}

/** How long things live, in seconds. */
export interface TestProviderTtl {
  /** Default 300. */
  readonly accessToken?: number
  /** Default 300. */
  readonly idToken?: number
  /** Default 3600. */
  readonly refreshToken?: number
  /** The provider's own session. Default 3600. */
  readonly session?: number
}

export interface TestProviderOptions {
  /** Port on 127.0.0.1. Default: a free one. */
  readonly port?: number
  /**
   * The address that browsers and clients know it by, where something in front leads here and keeps the path, such as a TLS
   * terminator. It may have a path (`https://idp.example/realms/a`), and is served below that path alone. Default: `http://127.0.0.1:PORT`.
   */
  readonly issuer?: string
  /** Redirect URIs of the default client. Left out: any on a loopback address, `localhost`, or a `.test`, `.example` or `.localhost` host. */
  readonly redirectUris?: readonly string[]
  /** Where the default client may come back to after a logout. Left out: as with `redirectUris`. */
  readonly postLogoutRedirectUris?: readonly string[]
  /** Clients instead of the default one, in the provider's own metadata (OIDC Dynamic Client Registration, section 2). */
  readonly clients?: readonly ClientMetadata[]
  /** Users by name. Default: alice (admin) and bob. */
  readonly users?: Readonly<Record<string, TestUser>>
  /** No forms: everybody is this user; `login_hint` selects another. Left out: forms, where any password is right. */
  readonly autoLogin?: string
  /** The audience of access tokens, which are JWTs (RFC 9068). Left out: they are opaque and have none. */
  readonly resource?: string
  /** Of the access tokens for `resource`. Opaque ones can be introspected (RFC 7662), and userinfo does not take them. Default `jwt`. */
  readonly tokenFormat?: 'jwt' | 'opaque'
  /** Scopes beyond openid, offline_access, profile, email and groups. Default: read and write. */
  readonly scopes?: readonly string[]
  /** ID tokens and JWT access tokens are at least this many bytes long; the filling does not compress. Default 0. */
  readonly tokenSize?: number
  /** Means of authentication (`acr`), the weakest first. A login is by the first of these that `acr_values` asks for, else by the weakest; who was logged in by another one than is asked for logs in again. Default: none, and `acr_values` has no effect. */
  readonly acrValues?: readonly string[]
  readonly ttl?: TestProviderTtl
  /**
   * The provider's certificate and key for a second port, with TLS, that asks clients for their certificates: they can say
   * who they are by one (RFC 8705), and discovery names the port in `mtls_endpoint_aliases`. `ca` vouches for
   * `tls_client_auth`. All in PEM. Left out: there is no such port.
   */
  readonly mutualTls?: ListenerTls
  /** Merged over the provider's configuration, for what has no option here. */
  readonly configuration?: Configuration
}

/** Every option with its default, and what follows from them. */
export interface ProviderSettings {
  readonly port: number
  /** null: where it listens. */
  readonly issuer: string | null
  readonly clients: ClientMetadata[]
  /** The default client takes any local address. */
  readonly anyLocalRedirect: { readonly login: boolean, readonly logout: boolean }
  /** By name. */
  readonly accounts: ReadonlyMap<string, AccountClaims>
  readonly autoLogin: string | null
  readonly resource: string | null
  readonly tokenFormat: 'jwt' | 'opaque'
  readonly scopes: readonly string[]
  readonly tokenSize: number
  readonly acrValues: readonly string[]
  readonly ttl: Required<TestProviderTtl>
  readonly mutualTls: ListenerTls | null
  readonly configuration: Configuration
}

const DEFAULT_CLIENT_ID = 'fastify-oidc'
const DEFAULT_CLIENT_SECRET = 'fastify-oidc-development-secret-0123456789'

const DEFAULT_USERS: Readonly<Record<string, TestUser>> = {
  alice: { name: 'Alice Example', preferred_username: 'alice', email: 'alice@example.test', email_verified: true, groups: ['admin', 'users'] },
  bob: { name: 'Bob Example', preferred_username: 'bob', email: 'bob@example.test', email_verified: true, groups: ['users'] }
}

function defaultClient (options: TestProviderOptions): ClientMetadata {
  return {
    client_id: DEFAULT_CLIENT_ID,
    client_secret: DEFAULT_CLIENT_SECRET,
    redirect_uris: [...options.redirectUris ?? ['http://127.0.0.1/callback']],
    post_logout_redirect_uris: [...options.postLogoutRedirectUris ?? []],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'password'],
    response_types: ['code']
  }
}

/** @throws FST_OIDC_TESTING_OPTIONS when options contradict each other */
export function resolveOptions (options: TestProviderOptions): ProviderSettings {
  if (options.clients !== undefined && (options.redirectUris ?? options.postLogoutRedirectUris) !== undefined) {
    throw new TestProviderOptionsError('redirectUris and postLogoutRedirectUris are of the default client; with clients, write them there')
  }
  if (options.issuer !== undefined && !/^https?:\/\/[^/?#]+(?:\/[^/?#]+)*$/.test(options.issuer)) {
    throw new TestProviderOptionsError('issuer is an http or https address without a slash at its end, a query or a fragment')
  }
  if (options.clients?.length === 0) throw new TestProviderOptionsError('clients is empty')
  const accounts = new Map(Object.entries(options.users ?? DEFAULT_USERS).map(([name, user]) => [name, { ...user, sub: user.sub ?? name }]))
  if (options.autoLogin !== undefined && !accounts.has(options.autoLogin)) {
    throw new TestProviderOptionsError(`autoLogin names ${options.autoLogin}, who is not among the users`)
  }
  return {
    port: options.port ?? 0,
    issuer: options.issuer ?? null,
    clients: options.clients === undefined ? [defaultClient(options)] : [...options.clients],
    anyLocalRedirect: {
      login: options.clients === undefined && options.redirectUris === undefined,
      logout: options.clients === undefined && options.postLogoutRedirectUris === undefined
    },
    accounts,
    autoLogin: options.autoLogin ?? null,
    resource: options.resource ?? null,
    tokenFormat: options.tokenFormat ?? 'jwt',
    scopes: ['openid', 'offline_access', 'profile', 'email', 'groups', ...options.scopes ?? ['read', 'write']],
    tokenSize: options.tokenSize ?? 0,
    acrValues: options.acrValues ?? [],
    ttl: { accessToken: 300, idToken: 300, refreshToken: 3600, session: 3600, ...options.ttl },
    mutualTls: options.mutualTls ?? null,
    configuration: options.configuration ?? {}
  }
}
