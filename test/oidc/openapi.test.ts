import fastifySwagger from '@fastify/swagger'
import { Validator } from '@seriousme/openapi-schema-validator'
import type { FastifyInstance } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import t from 'tap'
import { createApplication, optionsFor } from './support.ts'

/** Nobody is there: a document needs no provider. */
const DISCOVERY = 'http://127.0.0.1:1/.well-known/openid-configuration'
const provider = { discovery: DISCOVERY, clientId: 'reports', clientSecret: 'a client secret' }
const both = optionsFor(provider, { use_jwks: true, audience: 'https://api.example.com', required_scopes: ['read'] })
const bearer = { discovery: DISCOVERY, client_id: 'api', bearer_only: true, use_jwks: true, audience: 'api', security_profile: 'oauth2.1' } as OidcPluginOptions

type Tap = Parameters<typeof createApplication>[0]
interface Operation { readonly security?: unknown, readonly parameters?: unknown, readonly summary?: string }
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly securitySchemes: Readonly<Record<string, object>> }
}

async function describe (t: Tap, options: OidcPluginOptions, addRoutes: (app: FastifyInstance) => void, openapi: object = {}): Promise<Document> {
  const { app } = createApplication(t)
  await app.register(oidc, options)
  await app.register(fastifySwagger, { openapi: { openapi: '3.1.0', info: { title: 'Reports', version: '1.0.0' }, ...openapi }, transform: app.oidc.openapi().transform })
  addRoutes(app)
  return await documentOf(app)
}

/** Made and judged by others. */
async function documentOf (app: FastifyInstance): Promise<Document> {
  await app.ready()
  const document = app.swagger()
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never)
  if (!valid) throw new Error(JSON.stringify(errors))
  return document as unknown as Document
}

const answer = async (): Promise<string> => 'answer'
const securityAt = ({ paths }: Document, path: string, method = 'get'): unknown => paths[path]?.[method]?.security

t.test('what a route requires is its security: scopes as alternatives, and nothing where it is open', async t => {
  const document = await describe(t, both, app => {
    app.get('/base', answer)
    app.get('/open', { config: { oidc: false } }, answer)
    app.get('/pass', { config: { oidc: { unauth_action: 'pass', required_scopes: false } } }, answer)
    app.get('/two', { config: { oidc: { required_scopes: ['read', 'write'] } } }, answer)
    app.get('/either', { config: { oidc: { required_scopes: { all_of: ['read'], any_of: ['write', 'admin'], none_of: ['guest'] } } } }, answer)
    app.post('/browser', { config: { oidc: { auth_methods: ['session'] } } }, answer)
    app.get('/passwords', { config: { oidc: { auth_methods: ['bearer', 'password'] } } }, answer)
    app.get('/programs/:id', { config: { oidc: { auth_methods: ['bearer'] } } }, answer)
  })
  t.strictSame(securityAt(document, '/base'), [{ oidc: ['read'] }, { oidcSession: [] }])
  t.strictSame(securityAt(document, '/open'), [])
  t.strictSame(securityAt(document, '/pass'), [{}, { oidc: [] }, { oidcSession: [] }])
  t.strictSame(securityAt(document, '/two'), [{ oidc: ['read', 'write'] }, { oidcSession: [] }])
  t.strictSame(securityAt(document, '/either'), [{ oidc: ['read', 'write'] }, { oidc: ['read', 'admin'] }, { oidcSession: [] }])
  t.strictSame(securityAt(document, '/browser', 'post'), [{ oidcSession: [] }])
  t.strictSame(securityAt(document, '/passwords'), [{ oidc: ['read'] }, { oidcBasic: [] }])
  t.strictSame(securityAt(document, '/programs/{id}'), [{ oidc: ['read'] }])
  t.strictSame(Object.keys(document.paths), ['/base', '/open', '/pass', '/two', '/either', '/browser', '/passwords', '/programs/{id}'], 'the callback and the logout are not in it')
  t.match(document.components.securitySchemes, {
    oidc: { type: 'openIdConnect', openIdConnectUrl: DISCOVERY },
    oidcBasic: { type: 'http', scheme: 'basic' },
    oidcSession: { type: 'apiKey', in: 'cookie', name: '__Host-oidc' }
  })
})

t.test('there is a scheme for each way in that the options make possible, and for no other', async t => {
  const api = await describe(t, bearer, app => { app.get('/', answer) })
  t.strictSame(Object.keys(api.components.securitySchemes), ['oidc'])
  t.strictSame(securityAt(api, '/'), [{ oidc: [] }])
  const exchanging = await describe(t, { ...bearer, auth_methods: ['client_credentials'] }, app => { app.get('/', answer) })
  t.strictSame(Object.keys(exchanging.components.securitySchemes), ['oidc', 'oidcBasic'])
  t.strictSame(securityAt(exchanging, '/'), [{ oidcBasic: [] }])
  const site = await describe(t, optionsFor(provider, { required_scopes: ['read'], session: { cookie_name: 'sid', cookie_secure: false } as never }), app => { app.get('/', answer) })
  t.match(site.components.securitySchemes, { oidcSession: { name: 'sid' } })
  t.strictSame(Object.keys(site.components.securitySchemes), ['oidcSession'])
  t.strictSame(securityAt(site, '/'), [{ oidcSession: [] }])
})

t.test('a rule that may open a route makes its security optional', async t => {
  const document = await describe(t, { ...bearer, skip_auth_routes: ['GET=^/status$'] }, app => {
    app.get('/status', answer)
    app.post('/status', answer)
    app.get('/other', answer)
  })
  t.strictSame(securityAt(document, '/status'), [{}, { oidc: [] }])
  t.strictSame(securityAt(document, '/status', 'post'), [{ oidc: [] }])
  t.strictSame(securityAt(document, '/other'), [{ oidc: [] }])
})

t.test('what the application writes itself goes before it, and the rest of a schema stays', async t => {
  const own = { type: 'http', scheme: 'bearer' }
  const document = await describe(t, both, app => {
    app.get('/stricter', { schema: { security: [{ oidcSession: [] }] } }, answer)
    app.get('/own', { schema: { summary: 'own', security: [{ key: [] }] } }, answer)
    app.get('/list', { schema: { summary: 'list', querystring: { type: 'object', properties: { page: { type: 'integer' } } } } }, answer)
    app.get('/hidden', { schema: { hide: true } }, answer)
  }, { components: { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'x-key' }, oidc: own } } })
  t.strictSame(securityAt(document, '/own'), [{ key: [] }])
  t.match(document.paths['/list']?.get, { summary: 'list', parameters: [{ in: 'query', name: 'page' }], security: [{ oidc: ['read'] }, { oidcSession: [] }] })
  t.strictSame(securityAt(document, '/stricter'), [{ oidcSession: [] }], 'by the names of ours too')
  t.notOk('/hidden' in document.paths)
  t.strictSame(document.components.securitySchemes.oidc, own)
  t.ok('key' in document.components.securitySchemes)
})

t.test('two scopes stand in one document, each under names of its own, and so does what neither guards', async t => {
  const { app } = createApplication(t)
  const transforms: Array<ReturnType<FastifyInstance['oidc']['openapi']>['transform']> = []
  await app.register(fastifySwagger, {
    openapi: { openapi: '3.0.3', info: { title: 'Both', version: '1.0.0' } },
    transform: described => transforms.reduce((result, transform) => transform({ ...described, ...result }), { schema: described.schema, url: described.url })
  })
  for (const name of ['partners', 'staff']) {
    await app.register(async scope => {
      await scope.register(oidc, { ...bearer, required_scopes: [name] })
      transforms.push(scope.oidc.openapi({ token: name }).transform)
      scope.get('/', answer)
    }, { prefix: `/${name}` })
  }
  app.get('/elsewhere', answer)
  const document = await documentOf(app)
  t.strictSame([securityAt(document, '/partners/'), securityAt(document, '/staff/')], [[{ partners: ['partners'] }], [{ staff: ['staff'] }]])
  t.strictSame(securityAt(document, '/elsewhere'), undefined)
  t.strictSame(Object.keys(document.components.securitySchemes).sort(), ['partners', 'staff'])
})

t.test('a document of Swagger 2.0 is refused, for it could say neither', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, bearer)
  await app.register(fastifySwagger, { swagger: { info: { title: 'Old', version: '1.0.0' } }, transform: app.oidc.openapi().transform })
  app.get('/', answer)
  await app.ready()
  t.throws(() => app.swagger(), { message: /give @fastify\/swagger the option openapi/ })
})
