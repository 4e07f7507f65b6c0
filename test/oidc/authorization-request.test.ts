import t from 'tap'
import type { LightMyRequestResponse as Response } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { lyingProvider } from './flow.ts'
import { createApplication, optionsFor } from './support.ts'

type Options = Partial<OidcPluginOptions>
type Test = Parameters<typeof createApplication>[0]

const provider = await lyingProvider(t)

/** Where somebody who is not logged in is sent, under the defaults of the table. */
async function ask (t: Test, more: Options): Promise<{ response: Response, location: URL, query: Record<string, string> }> {
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(provider, { security_profile: 'apisix', ...more }))
  app.get('/page', async () => 'answered')
  const response = await app.inject({ url: '/page', headers: { accept: 'text/html' } })
  const location = new URL(String(response.headers.location))
  return { response, location, query: Object.fromEntries(location.searchParams) }
}

t.test('who is not logged in is sent to the provider, in an answer that nobody keeps (S069, S071, S148, S149, S150, S160)', async t => {
  const { response, location, query } = await ask(t, { redirect_uri: 'https://iresty.com', scope: 'apisix', unauth_action: 'auth' })
  t.equal(response.statusCode, 302)
  t.equal(response.headers['cache-control'], 'no-store')
  t.equal(location.origin + location.pathname, `${provider.issuer}/authorize`, 'as the discovery document has it')
  t.hasStrict(query, { client_id: provider.clientId, response_type: 'code', scope: 'apisix', redirect_uri: 'https://iresty.com' })
})

interface Row {
  readonly name: string
  readonly options: Options
  /** Of the parameters; null: not sent. */
  readonly expected: Readonly<Record<string, string | RegExp | null>>
}

const ROWS: readonly Row[] = [
  { name: 'S070, S182: PKCE', options: { use_pkce: true }, expected: { code_challenge: /^[\w-]{43}$/, code_challenge_method: 'S256' } },
  { name: 'S181: no PKCE', options: { use_pkce: false }, expected: { code_challenge: null, code_challenge_method: null } },
  { name: 'S151: an absolute redirect_uri is sent as it is', options: { redirect_uri: 'https://app.example.test/done?tenant=a%20b' }, expected: { redirect_uri: 'https://app.example.test/done?tenant=a%20b' } },
  { name: 'S152: the state', options: {}, expected: { state: /^.{20,}$/ } },
  { name: 'S153: the default of the plugin is no nonce', options: {}, expected: { nonce: null } },
  { name: 'S154: the default of the plugin is one scope', options: {}, expected: { scope: 'openid' } },
  { name: 'S155: no prompt', options: {}, expected: { prompt: null, display: null, response_mode: null } },
  { name: 'S156: a scope that is written', options: { scope: 'my-scope' }, expected: { scope: 'my-scope' } },
  { name: 'S157: a prompt', options: { authorization_params: { prompt: 'none' } }, expected: { prompt: 'none' } },
  { name: 'S158: a display', options: { authorization_params: { display: 'page' } }, expected: { display: 'page' } },
  { name: 'S159: parameters of the configuration', options: { authorization_params: { test: 'abc', foo: 'bar' } }, expected: { test: 'abc', foo: 'bar' } },
  { name: 'S178: a nonce', options: { use_nonce: true }, expected: { nonce: /^.{20,}$/ } },
  { name: 'S179: no nonce', options: { use_nonce: false }, expected: { nonce: null } }
]

for (const { name, options, expected } of ROWS) {
  t.test(`the authorization request: ${name}`, async t => {
    const { query } = await ask(t, options)
    for (const [parameter, value] of Object.entries(expected)) {
      if (value === null) t.notOk(parameter in query, parameter)
      else if (typeof value === 'string') t.equal(query[parameter], value, parameter)
      else t.match(query[parameter], value, parameter)
    }
  })
}
