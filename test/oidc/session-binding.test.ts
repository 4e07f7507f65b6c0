import t from 'tap'
import oidc from 'fastify-oidc'
import { createMemoryStore } from 'fastify-oidc-session-store'
import { createApplication, optionsFor, protectedApp } from './support.ts'
import { handleOf, setCookies } from './session-parts.ts'

// rows: client_id
t.test('S435: in one store, a session of one client or provider is worthless at another', async t => {
  const { app } = createApplication(t)
  app.decorate('oidcSessionStore', createMemoryStore())
  const facts = {
    '/one': { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'one', clientSecret: 's' },
    '/client': { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'two', clientSecret: 's' },
    '/provider': { discovery: 'http://127.0.0.1:8/.well-known/openid-configuration', clientId: 'one', clientSecret: 's' },
    '/same': { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'one', clientSecret: 's' }
  }
  const handles: string[] = []
  for (const [prefix, provider] of Object.entries(facts)) {
    await app.register(async scope => {
      await scope.register(oidc, optionsFor(provider, { redirect_uri: `${prefix}/callback`, unauth_action: 'deny', session: { secret: 'one secret for all of them, 32 bytes', cookie_name: 'shared' } }))
      scope.get('/', async request => request.oidc.claims?.sub)
      handles.push(handleOf(await scope.oidc.issueCookie({ subject: 'alice' })))
    }, { prefix })
  }
  const [cookie] = handles.map(handle => `shared=${handle}`)
  for (const [url, status] of [['/one', 200], ['/client', 401], ['/provider', 401], ['/same', 200]] as const) {
    const answer = await app.inject({ url, headers: { cookie } })
    t.equal(answer.statusCode, status, url)
    t.equal(setCookies(answer).length, 0, 'a cookie of another is left alone')
  }
  t.equal((await app.inject({ url: '/client/logout', headers: { cookie } })).statusCode, 200)
  t.equal((await app.inject({ url: '/one', headers: { cookie } })).statusCode, 200, 'and cannot be ended there')
})

t.test('S440: the cookie of one kind of store is nobody at another, and is left alone', async t => {
  const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'one', clientSecret: 's' }
  const options = optionsFor(offline, { unauth_action: 'deny' })
  const sealed = await protectedApp(t, options)
  const { app: kept } = createApplication(t)
  kept.decorate('oidcSessionStore', createMemoryStore())
  await kept.register(oidc, options)
  kept.get('/', async request => ({ sub: request.oidc.claims?.sub }))
  const cookies = [await sealed.app.oidc.issueCookie({ subject: 'alice' }), await kept.oidc.issueCookie({ subject: 'alice' })]
  for (const [index, { app: own }] of [sealed, { app: kept }].entries()) {
    const foreign = await own.inject({ url: '/', headers: { cookie: cookies[1 - index] } })
    t.equal(foreign.statusCode, 401)
    t.equal(setCookies(foreign).length, 0)
    t.equal((await own.inject({ url: '/', headers: { cookie: cookies[index] } })).json().sub, 'alice')
  }
})

t.test('session.coordination holds beside a store that the scope has already', async t => {
  const { app } = createApplication(t)
  app.decorate('oidcSessionStore', createMemoryStore())
  const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'one', clientSecret: 's' }
  const session = { secret: 'a secret of thirty-two bytes or more', coordination: 'workers' as const }
  await t.rejects(async () => { await app.register(oidc, optionsFor(offline, { session })) }, { code: 'FST_OIDC_NOT_COORDINATED' }, 'nobody coordinates workers here, and that is told')
})
