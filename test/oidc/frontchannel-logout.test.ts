import t from 'tap'
import oidc from 'fastify-oidc'
import { createCookieStore } from 'fastify-oidc-cookie-store'
import { createMemoryStore } from 'fastify-oidc-session-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'
import { createAuthority } from './bearer-parts.ts'
import { createApplication, optionsFor, SECRET } from './support.ts'
import { now } from './session-parts.ts'
import { isKnownTo } from '../../packages/oidc/src/core/revocation.ts'
import { createErrorPages } from '../../packages/oidc/src/http/error-page.ts'
import { createRefusal } from '../../packages/oidc/src/http/refusal.ts'
import { createFrontchannelLogout } from '../../packages/oidc/src/routes/frontchannel-logout.ts'
import { createLogoutBudget } from '../../packages/oidc/src/routes/logout-budget.ts'

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

t.test('who makes up sids fills no memory, and keeps nobody whose session is known from logging out', async t => {
  const revoked: unknown[] = []
  let nowMs = 0
  const { app, log } = createApplication(t)
  app.get('/frontchannel', createFrontchannelLogout({
    clock: now,
    budget: createLogoutBudget({ life: 100, maxRemembered: 3, maxRush: 2, nowMs: () => nowMs }),
    issuer: async () => 'https://issuer.example',
    isKnown: async target => 'providerSessionId' in target && target.providerSessionId === 'known',
    revoke: async target => revoked.push(target),
    refuse: createRefusal({ clientId: 'app', realm: 'app', pages: createErrorPages(), issuer: () => null, challengeMore: () => '', challengeBasic: () => null })
  }))
  const send = async (sid: string): Promise<number> => (await app.inject(`/frontchannel?iss=https://issuer.example&sid=${sid}`)).statusCode
  const warnings = (): number => log.filter(({ level, oidc: event }) => level === 40 && event === 'logout.frontchannel').length
  t.strictSame([await send('a'), await send('b')], [200, 200], 'a login may be under way')
  t.equal(warnings(), 0)
  t.strictSame([await send('c'), await send('d')], [429, 429])
  t.equal(revoked.length, 2)
  t.equal(warnings(), 1, 'told once')
  t.equal(await send('known'), 200)
  nowMs = 100_000
  t.equal(await send('e'), 200)
})

t.test('a store that keeps sessions says which ones are known', async t => {
  const store = createMemoryStore()
  const target = { issuer: 'https://issuer.example', providerSessionId: 's1' }
  t.equal(await isKnownTo(store, target), false)
  await store.create(sampleSession(target), now() + 60)
  t.equal(await isKnownTo(store, target), true)
  t.equal(await isKnownTo(createCookieStore({ secret: SECRET }), target), false, 'sessions in browsers')
  const broken = { ...store, async * inspect (): AsyncIterable<never> { throw new Error('away') } }
  await t.rejects(isKnownTo(broken, target), { message: 'away' })
})

t.test('of logouts that nobody vouches for no more are remembered than there is room for', async t => {
  let nowMs = 0
  const budget = createLogoutBudget({ life: 100, maxRemembered: 30, maxRush: 10, nowMs: () => nowMs })
  const takeAll = (): number => {
    let taken = 0
    while (budget.take()) taken += 1
    return taken
  }
  t.equal(takeAll(), 10)
  t.ok(budget.isNews())
  t.notOk(budget.isNews(), 'the log is told once')
  let taken = 10
  for (let second = 1; second <= 100; second++) {
    nowMs = second * 1000
    taken += takeAll()
  }
  t.equal(taken, 30, 'as long as the first one is remembered')
  t.ok(budget.isNews(), 'and again after a while')
  nowMs += 1_000_000
  t.equal(takeAll(), 10, 'what was not used does not add up')
})
