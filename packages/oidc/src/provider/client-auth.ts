import { ClientSecretBasic, ClientSecretJwt, ClientSecretPost, None, type ClientAuth, type ServerMetadata } from 'openid-client'

interface Credentials {
  readonly token_endpoint_auth_method: string
  readonly client_secret?: string
}

/** How the client says who it is at the provider's endpoints (RFC 6749, section 2.3; OpenID Connect Core 1.0, section 9). */
const METHODS: Readonly<Record<string, (secret: string) => ClientAuth>> = {
  client_secret_basic: secret => ClientSecretBasic(secret),
  client_secret_post: secret => ClientSecretPost(secret),
  client_secret_jwt: secret => ClientSecretJwt(secret),
  none: () => None()
}

/** The configured method, or the first one of the provider's list that can be used where it does not list that. */
export function chooseAuthMethod ({ token_endpoint_auth_method: configured, client_secret: secret }: Credentials, server: Readonly<ServerMetadata>): string {
  if (secret === undefined) return 'none'
  const listed = server.token_endpoint_auth_methods_supported
  if (listed === undefined || listed.includes(configured)) return configured
  return listed.find(method => method in METHODS && method !== 'none') ?? configured
}

export function createClientAuth (credentials: Credentials, server: Readonly<ServerMetadata>): ClientAuth {
  const method = METHODS[chooseAuthMethod(credentials, server)] ?? METHODS.none
  return (method as (secret: string) => ClientAuth)(credentials.client_secret ?? '')
}
