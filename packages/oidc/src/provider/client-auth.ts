import { ClientSecretBasic, ClientSecretJwt, ClientSecretPost, None, type ClientAuth, type ServerMetadata } from 'openid-client'

interface Credentials {
  readonly token_endpoint_auth_method: string
  readonly client_secret?: string
  readonly redirect_uri?: string
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
  return listed.find(method => Object.hasOwn(METHODS, method) && method !== 'none') ?? configured
}

/** openid-client leaves the query of a redirect_uri out, and the provider compares all of it (RFC 6749, section 4.1.3). */
function keepQuery (auth: ClientAuth, redirectUri: string): ClientAuth {
  const { search } = new URL(redirectUri, 'http://localhost')
  if (search === '') return auth
  return (server, client, body, headers) => {
    const sent = body.get('redirect_uri')
    if (sent !== null) body.set('redirect_uri', sent + search)
    auth(server, client, body, headers)
  }
}

export function createClientAuth (credentials: Credentials, server: Readonly<ServerMetadata>): ClientAuth {
  const method = METHODS[chooseAuthMethod(credentials, server)] ?? METHODS.none
  const auth = (method as (secret: string) => ClientAuth)(credentials.client_secret ?? '')
  return credentials.redirect_uri === undefined ? auth : keepQuery(auth, credentials.redirect_uri)
}
