import type { LightMyRequestResponse as Response } from 'fastify'
import t from 'tap'
import oidc from 'fastify-oidc'
import { login } from 'fastify-oidc-testing'
import { lyingProvider } from '../oidc/session-parts.ts'
import { createApplication, optionsFor } from '../oidc/support.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'] as const
const ANSWERS: ReadonlyArray<Record<string, string>> = [{ code: 'c', state: 's' }, { error: 'e', state: 's' }, { code: 'c', state: 's.9' }, { state: 's' }, {}]

t.test('no method, no order of declaration, no answer of a provider that nobody asked reaches a handler', async t => {
  const provider = await lyingProvider(t)
  for (const profile of ['apisix', 'oauth2.1'] as const) {
    const reached: string[] = []
    const handler = async (request: { method: string, url: string }): Promise<string> => {
      reached.push(`${request.method} ${request.url}`)
      return 'a secret'
    }
    const { app } = createApplication(t)
    app.addHttpMethod('PROPFIND', { hasBody: true })
    app.all('/before', handler)
    void app.register(async scope => { scope.all('/scope-before', handler) })
    const { redirect_uri: _, ...options } = optionsFor(provider, { security_profile: profile })
    await app.register(oidc, options)
    app.all('/', handler)
    app.all('/wild/*', handler)
    app.all('/by-name/:name', { config: { oidc: { unauth_action: 'deny', required_scopes: ['admin'] } } }, handler)
    app.all('/in-scope', { config: { oidc: { required_scopes: ['admin'] } } }, handler)
    await app.register(async scope => { scope.all('/child', handler) }, { prefix: '/under' })
    app.all('/own-guard', { config: { oidc: false }, onRequest: app.oidc.guard({ unauth_action: 'deny' }) }, handler)
    app.setNotFoundHandler(handler as never)
    const odd: string[] = []
    const paths = ['/', '/before', '/scope-before', '/wild/x', '/by-name/x', '/in-scope', '/under/child', '/own-guard', '/nowhere', '/favicon.ico']
    for (const path of paths) {
      for (const method of METHODS) {
        for (const suffix of ['', '/', '/.apisix/redirect', '%2f.apisix/redirect']) {
          for (const query of ANSWERS) {
            const response: Response = await app.inject({ method: method as 'GET', url: path + suffix, query, headers: { accept: '*/*' } })
            if (![302, 303, 400, 401].includes(response.statusCode) || response.body.includes('a secret')) odd.push(`${method} ${path}${suffix} ${response.statusCode}`)
          }
        }
      }
    }
    t.strictSame(odd, [])
    t.strictSame(reached, [])
    const { cookie } = await login(app)
    reached.length = 0
    for (const path of ['/by-name/x', '/in-scope']) {
      for (const suffix of ['', '/.apisix/redirect']) {
        for (const query of ANSWERS) await app.inject({ url: path + suffix, query, headers: { cookie } })
      }
    }
    t.strictSame(reached.filter(url => !url.includes('/.apisix/redirect')), [], 'a session without the scope neither')
    t.equal((await app.inject({ url: '/wild/x', headers: { cookie } })).statusCode, 200)
  }
})
