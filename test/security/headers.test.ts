import t from 'tap'
import oidc from 'fastify-oidc'
import { lyingProvider } from '../oidc/session-parts.ts'
import { createApplication, optionsFor, protectedApp } from '../oidc/support.ts'

t.test('forged identity headers are gone also where a hook has put the headers anew', async t => {
  const provider = await lyingProvider(t)
  const { app } = createApplication(t)
  app.addHook('onRequest', async request => { request.headers = { 'x-started': 'now', x_forwarded_user: 'forged by a hook' } })
  await app.register(oidc, optionsFor(provider, { access_token_in_authorization_header: true }))
  const handler = async (request: { headers: object, raw: { headers: object } }): Promise<object> => ({ seen: request.headers, raw: request.raw.headers })
  app.get('/', handler)
  app.get('/open', { config: { oidc: false } }, handler)
  const forged = { 'x-userinfo': 'forged', X_Access_Token: 'forged', authorization: 'Bearer forged', 'x-other': 'kept' }
  await app.ready()
  for (const url of ['/', '/open']) {
    const { seen, raw } = (await app.inject({ url, headers: { ...forged, cookie: await app.oidc.issueCookie({}) } })).json<{ seen: object, raw: object }>()
    t.match(seen, { 'x-started': 'now', 'x-other': 'kept' })
    t.notMatch(JSON.stringify({ seen, raw }), /forged/, url)
  }
})

t.test('with unauth_action pass nothing that an anonymous caller says of itself arrives (S116)', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { unauth_action: 'pass' }))
  const forged = Object.fromEntries(['X-Userinfo', 'X-ID-Token', 'X-Refresh-Token', 'X-Access-Token', 'X-Raw-ID-Token'].map(name => [name, 'forged']))
  const answer = await app.inject({ url: '/echo/x', headers: { ...forged, 'x-other': 'kept' } })
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { sub: null, headers: { 'x-other': 'kept' } })
  t.notMatch(answer.body, /forged/)
})
