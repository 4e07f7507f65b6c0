import { createServer } from 'node:net'
import t from 'tap'
import proxy from 'fastify-oidc-proxy'
import oidc from 'fastify-oidc'
import { lyingProvider } from '../oidc/session-parts.ts'
import { createApplication, optionsFor } from '../oidc/support.ts'
import { listen } from '../proxy/parts.ts'

t.test('what a broken upstream sent is not in the log', async t => {
  const provider = await lyingProvider(t)
  const garbage = 'HTTP/1.1 200 OK\r\nset-cookie: upstream-secret=1\r\nContent-Length: x\r\n\r\nupstream-secret'
  const port = await listen(t, createServer(socket => { socket.on('data', () => { socket.end(garbage) }) }))
  const { app, log } = createApplication(t)
  await app.register(oidc, optionsFor(provider))
  await app.register(proxy, { upstream: `http://127.0.0.1:${port}` })
  await app.ready()
  const response = await app.inject({ url: '/x', headers: { cookie: await app.oidc.issueCookie({ accessToken: 'access-secret', cold: { refreshToken: 'refresh-secret', idToken: 'id-secret' } }) } })
  t.equal(response.statusCode, 502)
  t.ok(log.some(({ oidc }) => oidc === 'proxy.failed'))
  t.notMatch(JSON.stringify(log), /-secret/)
  t.notMatch(response.body, /-secret|HPE/)
})
