import Fastify, { type FastifyContextConfig, type FastifyInstance } from 'fastify'
import t from 'tap'
import oidc, { type FastifyOidc, type IdTokenClaims, type OidcHooks, type OidcPluginOptions, type RequestOidc, type RoutePolicy } from 'fastify-oidc'
import type { Claims, SessionStore } from 'fastify-oidc-session-store'

declare module 'fastify-oidc' {
  interface IdTokenClaims {
    readonly department?: 'sales' | 'engineering'
  }
}

interface Employee extends IdTokenClaims {
  readonly badge: number
}

const options: OidcPluginOptions = {
  client_id: 'app',
  client_secret: 'secret',
  discovery: 'http://127.0.0.1:9/.well-known/openid-configuration',
  unauth_action: 'pass',
  session: { secret: 'a secret of more than thirty-two bytes', cookie: { lifetime: 600 } }
}

/** Only compiled: each line that must not compile says so. */
export function misuse (app: FastifyInstance, identity: RequestOidc): void {
  // @ts-expect-error misspelt option
  const misspelt: OidcPluginOptions = { ...options, scpoe: 'openid' }
  // @ts-expect-error seconds are a number
  const text: OidcPluginOptions = { ...options, timeout: '3' }
  // @ts-expect-error no such action
  const action: OidcPluginOptions = { ...options, unauth_action: 'maybe' }
  // @ts-expect-error the secret is required
  const secretless: OidcPluginOptions = { ...options, session: {} }
  // @ts-expect-error misspelt member of a route's policy; where Fastify infers the type of `config`, the boot finds it
  const policy: FastifyContextConfig = { oidc: { required_scope: ['a'] } }
  // @ts-expect-error true is no policy
  const always: FastifyContextConfig = { oidc: true }
  // @ts-expect-error claims may be null
  t.comment(identity.claims.sub)
  // @ts-expect-error nothing can be changed
  identity.authenticated = true
  // @ts-expect-error nothing can be changed, in claims neither
  if (identity.claims !== null) identity.claims.sub = 'mallory'
  // @ts-expect-error not one of the departments
  const department: IdTokenClaims['department'] = 'marketing'
  // @ts-expect-error no such claim: an index gives unknown
  const badge: number | undefined = identity.claims?.badge
  // @ts-expect-error revoke needs a target of one kind
  app.oidc.revoke({ subject: 'alice' })
  // @ts-expect-error a hook is a function
  const hooks: OidcHooks = { onLogin: true }
  // @ts-expect-error cookies of one core: the registry cannot be replaced
  app.oidc.cookies = { strip: () => '', isOwn: () => false }
  t.comment(policy, always, misspelt, text, action, secretless, department, badge, hooks)
}

t.test('requests, instances and route configuration are typed', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(oidc, { ...options, hooks: { authorize: request => request.oidc.authenticated, selectClaims: ({ sub, department }) => ({ sub, department }) } })
  const decorator: FastifyOidc = app.oidc
  const store: SessionStore = app.oidcSessionStore
  const policy: RoutePolicy = { required_scopes: ['openid'], unauth_action: 'deny', cross_site: 'refuse' }
  app.get('/typed', { config: { oidc: policy } }, async request => {
    const { claims, userinfo, scopes, expiresAt, sessionId } = request.oidc
    const department: 'sales' | 'engineering' | undefined = claims?.department
    const sub: string | undefined = claims?.sub
    const more: unknown = claims?.['https://example.test/anything']
    const info: Claims | null = userinfo
    const list: readonly string[] = scopes
    const token: string | null = await request.oidc.freshAccessToken()
    return { department, sub, more, info, list, token, typed: typeof expiresAt === 'number' && typeof sessionId === 'string' }
  })
  app.get('/employee', { config: { oidc: false } }, async request => {
    const employee = request.oidc as RequestOidc<Employee>
    const badge: number | undefined = employee.claims?.badge
    return { badge }
  })
  const cookie = await decorator.issueCookie({ idTokenClaims: { sub: 'alice', department: 'sales' }, scope: 'openid' })
  t.strictSame((await app.inject({ url: '/typed', headers: { cookie } })).json(), { department: 'sales', sub: 'alice', info: null, list: ['openid'], token: null, typed: true })
  t.strictSame((await app.inject('/employee')).json(), {})
  t.equal(store.name, 'cookie')
})
