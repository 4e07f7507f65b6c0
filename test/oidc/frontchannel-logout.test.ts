import t from 'tap'
import oidc from 'fastify-oidc'
import { createAuthority } from './bearer-parts.ts'
import { createApplication, optionsFor, SECRET } from './support.ts'
import { now } from './session-parts.ts'

const script = { 'sec-fetch-mode': 'cors' }

t.test('iss and sid end the one session, though no cookie reaches the frame', async t => {
  const authority = await createAuthority(t)
  const { app, log } = createApplication(t)
  await app.register(oidc, { ...optionsFor({ discovery: authority.discovery, clientId: 'app', clientSecret: SECRET }), frontchannel_logout_path: '/frontchannel' })
  app.get('/', async () => 'answered')
  const issue = async (sid: string): Promise<string> => await app.oidc.issueCookie({ issuer: authority.issuer, subject: 'alice', providerSessionId: sid, issuedAt: now() - 5 })
  const [one, two] = [await issue('s1'), await issue('s2')]
  const status = async (cookie: string): Promise<number> => (await app.inject({ url: '/', headers: { cookie, ...script } })).statusCode
  const framed = async (query: Record<string, string>): Promise<Awaited<ReturnType<typeof app.inject>>> => await app.inject({ url: `/frontchannel?${new URLSearchParams(query).toString()}`, headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe', 'sec-fetch-site': 'cross-site' } })

  for (const query of [{}, { sid: 's1' }, { iss: authority.issuer }, { iss: 'https://issuer.evil.example', sid: 's1' }, { iss: authority.issuer, sid: '' }, { iss: authority.issuer, sid: 'x'.repeat(256) }] as Array<Record<string, string>>) {
    const refused = await framed(query)
    t.equal(refused.statusCode, 400, JSON.stringify(query).slice(0, 80))
    t.equal(refused.headers['cache-control'], 'no-store')
  }
  t.equal((await app.inject({ url: `/frontchannel?iss=${encodeURIComponent(authority.issuer)}&sid=s1&sid=s2` })).statusCode, 400)
  t.strictSame([await status(one), await status(two)], [200, 200])

  const answer = await framed({ iss: authority.issuer, sid: 's1' })
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-security-policy'], `frame-ancestors ${authority.issuer};`)
  t.equal(answer.headers['x-frame-options'], undefined)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.equal(answer.headers['set-cookie'], undefined)
  t.strictSame([await status(one), await status(two)], [401, 200])
  t.match(log.findLast(line => line.oidc === 'logout.frontchannel'), { level: 30 })
  t.notMatch(JSON.stringify(log), /sid=s1/, 'the log has no sid')
})

t.test('without the provider nothing is known of its issuer: 503', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, { ...optionsFor({ discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: SECRET }), frontchannel_logout_path: '/frontchannel' })
  const answer = await app.inject('/frontchannel?iss=x&sid=s1')
  t.equal(answer.statusCode, 503)
  t.equal(answer.headers['retry-after'], '5')
})
