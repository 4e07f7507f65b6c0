import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { Browser } from 'fastify-oidc-testing'
import t from 'tap'
import { loadForeignFile } from '../../packages/gateway/src/importers/foreign-file.ts'
import { unsigned } from '../oidc/consumer-parts.ts'
import { movableClock } from '../oidc/session-parts.ts'
import { createLyingProvider, type LyingProvider } from '../support/lying-provider.ts'
import { fixture } from './import-kong-parts.ts'
import { startGateway, startUpstream, type Received } from './parts.ts'

const GUID = 'e5634b31-d67f-4661-a6fb-b6cb77849bcf'
const LOGIN = 'yoda@dagobah.example'
const SITE = 'https://kong.com'
const ENVIRONMENT = { SESSION_SECRET: 'a secret of more than thirty-two bytes, for tests' }
const COMMANDS = readFileSync(fixture('okta.sh'), 'utf8')
const CONSUMERS = readFileSync(fixture('okta-consumers.sh'), 'utf8')

/** As Okta does it: scopes in a list called scp, the login as the access token's subject, and the id as the ID token's. */
function actAsOkta (provider: LyingProvider, { sub = GUID, scp = ['openid', 'email', 'profile'] }: { sub?: string, scp?: readonly string[] } = {}): string {
  const accessToken = unsigned({ sub: LOGIN, scp, ver: 1 })
  provider.lie({ idTokenClaims: { sub, at_hash: undefined }, userinfo: { sub }, tokenResponse: { access_token: accessToken } })
  return accessToken
}

interface Visit {
  readonly status: number
  readonly code: string | null
  readonly headers: Received['headers']
}

interface Scene {
  readonly report: string
  readonly browser: Browser
  /** A visit to the protected route. */
  visit (follow?: boolean): Promise<Visit>
}

/** The commands, with the provider's own names in place of the placeholders, imported and served. */
async function serve (t: Parameters<typeof startUpstream>[0] & { testdir (files: Record<string, string>): string }, provider: LyingProvider, commands: string): Promise<Scene> {
  const written = commands
    .replace('https://YOUR_OKTA_DOMAIN/oauth2/YOUR_AUTH_SERVER/.well-known/openid-configuration', provider.discovery)
    .replace('YOUR_CLIENT_ID', provider.clientId)
    .replace('YOUR_CLIENT_SECRET', provider.clientSecret)
  const folder = t.testdir({ 'okta.sh': written })
  const upstream = await startUpstream(t)
  const { checked, value, report } = await loadForeignFile(join(folder, 'okta.sh'), { from: 'kong', ignorePlugins: [], route: '/api', upstream }, { environment: ENVIRONMENT, allowUnset: false })
  if (checked.kind === 'invalid' || value === null) throw new Error(JSON.stringify(checked))
  const gateway = await startGateway(t, value as unknown as GatewayOptions, { environment: ENVIRONMENT })
  const browser = new Browser().route(SITE, gateway.app)
  return {
    browser,
    report: report.map(({ path, message }) => `${path.join('.')} ${message ?? ''}`).join('\n'),
    async visit (follow = true) {
      const { status, body } = await browser.navigate(`${SITE}/api`, { follow })
      const isUpstream = status === 200
      return { status, code: isUpstream ? null : /FST_\w+/.exec(body)?.[0] ?? null, headers: isUpstream ? (JSON.parse(body) as Received).headers : {} }
    }
  }
}

const addTo = (commands: string, ...data: readonly string[]): string => `${commands}\ncurl -X PATCH http://admin.kong.example/plugins/OIDC_PLUGIN_ID ${data.map(field => `--data ${field}`).join(' ')}\n`

t.test('the guide: blocked without a login, allowed after it and again, blocked when the session is over', async t => {
  const provider = await createLyingProvider()
  t.teardown(async () => { await provider.close() })
  const accessToken = actAsOkta(provider)
  const clock = movableClock(t)
  const { visit } = await serve(t, provider, addTo(COMMANDS, 'config.session_absolute_timeout=30'))
  t.match(await visit(false), { status: 302 }, 'to the provider')
  const first = await visit()
  t.equal(first.status, 200)
  t.equal(first.headers.authorization, `Bearer ${accessToken}`)
  t.match(first.headers, { 'x-credential-identifier': GUID })
  for (const name of ['x-id-token', 'x-userinfo', 'x-access-token', 'x-consumer-username']) t.equal(first.headers[name], undefined, name)
  t.equal((await visit(false)).status, 200, 'at once again')
  clock.advance(31)
  t.equal((await visit(false)).status, 302, 'the session is over')
})

t.test('the guide: the account of the directory is the consumer Yoda, and others are nobody, or the anonymous one', async t => {
  const provider = await createLyingProvider()
  t.teardown(async () => { await provider.close() })
  const mapped = `${COMMANDS}\n${CONSUMERS}`
  const visitAs = async (commands: string, sub: string): Promise<Visit> => {
    actAsOkta(provider, { sub })
    return await (await serve(t, provider, commands)).visit()
  }
  t.match((await visitAs(mapped, GUID)).headers, { 'x-consumer-username': 'Yoda', 'x-consumer-custom-id': GUID, 'x-credential-identifier': GUID })
  t.match(await visitAs(mapped, 'vader'), { status: 403, code: 'FST_OIDC_CONSUMER_UNMAPPED' })
  const optional = await visitAs(addTo(mapped, 'config.consumer_optional=true'), 'vader')
  t.equal(optional.status, 200)
  t.match(optional.headers, { 'x-credential-identifier': 'vader' })
  t.equal(optional.headers['x-consumer-username'], undefined)
  const guest = 'curl -X POST http://admin.kong.example/consumers -d username=guest\n'
  t.match((await visitAs(addTo(`${guest}${mapped}`, 'config.consumer_optional=true', 'config.anonymous=guest'), 'vader')).headers, { 'x-consumer-username': 'guest', 'x-anonymous-consumer': 'true', 'x-credential-identifier': 'vader' })
  const refused = await serve(t, provider, mapped)
  t.equal((await refused.visit()).status, 403)
  t.equal((await refused.visit(false)).status, 403, 'the session is kept')
})

t.test('the guide\'s other variant: three required scopes mean one of them, and the report offers all of them', async t => {
  const provider = await createLyingProvider()
  t.teardown(async () => { await provider.close() })
  const required = addTo(COMMANDS, 'config.scopes_required=openid', 'config.scopes_required=email', 'config.scopes_required=profile')
  actAsOkta(provider, { scp: ['email'] })
  const one = await serve(t, provider, required)
  t.equal((await one.visit()).status, 200, 'one of the three')
  t.match(one.report, /"or" in Kong: one of them is enough. Write \{ all_of: \[openid, email, profile\] \}/)
  actAsOkta(provider, { scp: ['offline_access'] })
  const none = await serve(t, provider, required)
  t.match(await none.visit(), { status: 403, code: 'FST_OIDC_INSUFFICIENT_SCOPE' })
})
