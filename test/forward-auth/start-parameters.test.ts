import t from 'tap'
import type { ForwardAuthOptions } from 'fastify-oidc-forward-auth'
import { testProvider } from '../oidc/support.ts'
import { gate, OFFLINE } from './parts.ts'

const provider = await testProvider(t)

const RULES: NonNullable<ForwardAuthOptions['authorization_params_from_query']> = {
  prompt: [{ value: 'login' }, { value: 'consent' }],
  login_hint: [{ pattern: '^[^@]*@example\\.com$' }],
  color: [{ pattern: 'blue' }],
  resource: [{ pattern: '^https://[a-z]+\\.example$' }]
}

t.test('O054 a caller of start chooses among what the rules allow, and nothing else', async t => {
  const { app } = await gate(t, { provider, core: { authorization_params: { prompt: 'select_account', organization: 'mine', color: ['red', 'green'] } }, endpoints: { authorization_params_from_query: RULES } })
  const sent = async (query: string, path = 'start'): Promise<URLSearchParams> => {
    const { statusCode, headers } = await app.inject(`/oauth2/${path}?${query}`)
    t.equal(statusCode, 302, query)
    return new URL(String(headers.location)).searchParams
  }
  t.same((await sent('')).getAll('prompt'), ['select_account'], 'the default')
  t.same((await sent('prompt=login')).getAll('prompt'), ['login'])
  t.same((await sent('prompt=none')).getAll('prompt'), ['select_account'], 'what no rule allows leaves the default')
  t.same((await sent('prompt=none&prompt=consent')).getAll('prompt'), ['consent'])
  t.same((await sent('prompt=login%20consent')).getAll('prompt'), ['select_account'], 'a value is the whole value')
  t.same((await sent('organization=theirs')).getAll('organization'), ['mine'], 'what has no rules is fixed')
  const undeclared = await sent('display=popup&state=x&redirect_uri=https://evil.example&client_id=other&nonce=n&scope=admin&response_type=token&code_challenge=x&request_uri=https://evil.example')
  t.notOk(undeclared.has('display'))
  for (const name of ['state', 'redirect_uri', 'client_id', 'nonce', 'scope', 'response_type', 'code_challenge']) t.notMatch(undeclared.getAll(name).join(), /^x$|evil|other|^n$|admin|token/, name)
  t.notOk(undeclared.has('request_uri'))
  t.equal((await sent('login_hint=kim%40example.com')).get('login_hint'), 'kim@example.com')
  for (const hint of ['kim%40evil.com', 'kim%40example.com%0a', 'kim%40example.com%40evil.com', 'kim%40exampleXcom', '']) t.notOk((await sent(`login_hint=${hint}`)).has('login_hint'), hint)
  t.same((await sent('color=light-blue-ish&color=black&color=blue')).getAll('color'), ['light-blue-ish', 'blue'], 'an expression is not anchored, and several values may hold')
  t.same((await sent('color=black')).getAll('color'), ['red', 'green'])
  t.same((await sent(`color=blue${'x'.repeat(600)}`)).getAll('color'), ['red', 'green'], 'what is very long is ignored')
  t.equal((await sent('color=blue&'.repeat(50))).getAll('color').length, 10)
})

t.test('O055 a visit of a page that goes to the provider takes nothing of its query along', async t => {
  const { app } = await gate(t, { provider, endpoints: { skip_provider_button: true, authorization_params_from_query: RULES } })
  const parametersOf = async (url: string): Promise<URLSearchParams> => new URL(String((await app.inject(url)).headers.location)).searchParams
  t.notOk((await parametersOf('/page?prompt=login')).has('prompt'))
  t.equal((await parametersOf('/oauth2/sign_in?prompt=login')).get('prompt'), 'login', 'sign_in without a page is start')
})

t.test('rules for what the login sets itself, and rules that are none, keep the application from starting', async t => {
  for (const name of ['state', 'nonce', 'redirect_uri', 'client_id', 'response_type', 'code_challenge', 'code_challenge_method', 'request', 'request_uri', 'scope', 'response_mode', 'rd']) {
    await t.rejects(gate(t, { provider: OFFLINE, endpoints: { authorization_params_from_query: { [name]: [{ value: 'x' }] } } }), { code: 'FST_OIDC_OPTIONS_INVALID', message: new RegExp(`authorization_params_from_query\\.${name} is not for callers to choose`) }, name)
  }
  for (const rules of [{ a: [] }, { a: [{}] }, { a: [{ value: 'x', pattern: 'y' }] }, { a: 'x' }, { a: [{ pattern: '(' }] }, { a: [{ pattern: '(?=x)' }] }]) {
    await t.rejects(gate(t, { provider: OFFLINE, endpoints: { authorization_params_from_query: rules as unknown as typeof RULES } }), { code: 'FST_OIDC_OPTIONS_INVALID', message: /authorization_params_from_query/ }, JSON.stringify(rules))
  }
})

t.test('code that starts a login may set parameters, but not those of the login itself', async t => {
  const { app } = await gate(t, { provider, core: { authorization_params: { prompt: 'login' } } })
  app.get('/go', { config: { oidc: false } }, async (request, reply) => await app.oidc.login(request, reply, { parameters: { prompt: ['consent'], ui: ['a', 'b'] } }))
  app.get('/forge', { config: { oidc: false } }, async (request, reply) => await app.oidc.login(request, reply, { parameters: { client_id: ['other'] } }))
  const { searchParams } = new URL(String((await app.inject('/go')).headers.location))
  t.same([searchParams.getAll('prompt'), searchParams.getAll('ui')], [['consent'], ['a', 'b']])
  t.equal((await app.inject('/forge')).statusCode, 500)
})
