import t from 'tap'
import { withIdentity } from 'fastify-oidc-testing'
import { createSigner, seconds } from './bearer-parts.ts'
import { consumerApp, GUEST, YODA } from './consumer-parts.ts'

const ISSUER = 'https://issuer.test'
const RULES: ReadonlyArray<readonly [path: string, policy: object, line: object, says: RegExp]> = [
  ['/scopes', { required_scopes: 'read write' }, { code: 'FST_OIDC_INSUFFICIENT_SCOPE', option: 'required_scopes', unmet: 'all_of', names: ['write'], found: ['openid', 'read'] }, /required_scopes misses write; found openid, read$/],
  ['/excluded', { required_scopes: { none_of: ['read'] } }, { code: 'FST_OIDC_SCOPE_EXCLUDED', option: 'required_scopes', unmet: 'none_of', names: ['read'] }, /shuts out read/],
  ['/groups', { allowed_groups: ['admin'] }, { code: 'FST_OIDC_GROUPS_REFUSED', option: 'allowed_groups', unmet: 'any_of', names: ['admin'], found: ['staff'] }, /wants one of admin; found staff$/],
  ['/roles', { required_groups: 'admin', groups_claim: 'realm_access.roles' }, { code: 'FST_OIDC_GROUPS_REFUSED', option: 'required_groups', names: ['admin'], found: ['user'] }, /required_groups misses admin; found user$/],
  ['/emails', { allowed_emails: ['bob@corp.com'] }, { code: 'FST_OIDC_EMAIL_REFUSED', option: 'allowed_emails', names: ['bob@corp.com'], found: ['eve@corp.com'] }, /found eve@corp\.com$/],
  ['/domains', { allowed_email_domains: { none_of: ['corp.com'] } }, { code: 'FST_OIDC_EMAIL_REFUSED', option: 'allowed_email_domains', unmet: 'none_of' }, /shuts out corp\.com/],
  ['/claims', { required_claims: { required: ['dept'] } }, { code: 'FST_OIDC_CLAIMS_REFUSED', option: 'required_claims', unmet: 'schema' }, /property "dept" is required$/],
  ['/acr', { acr_values: ['mfa'] }, { code: 'FST_OIDC_STEP_UP_REQUIRED', option: 'acr_values', unmet: 'any_of', names: ['mfa'], found: ['pwd'] }, /acr_values wants one of mfa; found pwd$/],
  ['/age', { max_age: 60 }, { code: 'FST_OIDC_STEP_UP_REQUIRED', option: 'max_age', unmet: 'late', names: ['60'] }, /max_age wants a login of the last 60 seconds; found one \d+ seconds ago$/],
  ['/', {}, { code: 'FST_OIDC_CONSUMER_UNMAPPED', option: 'consumer.claims', unmet: 'unmapped', names: ['custom_id'], found: ['eve'] }, /consumer\.claims lead to nobody by custom_id; found eve$/]
]
const CLAIMS = { sub: 'eve', groups: ['staff'], realm_access: { roles: ['user'] }, email: 'eve@corp.com', email_verified: true, acr: 'pwd', auth_time: 1_000_000_000 }

t.test('each refusal is one line at debug that names the rule and what was found, and has no token in it', async t => {
  const signer = await createSigner()
  const { app, log } = await consumerApp(t, { claims: ['sub'], list: [YODA, GUEST] }, { public_key: signer.pem, audience: 'api', unauth_action: 'deny', scope: 'openid read', claim_validator: { issuer: { valid_issuers: [ISSUER] } } })
  for (const [path, policy] of RULES) if (path !== '/') app.get(path, { config: { oidc: policy } }, async () => 'answered')
  app.get('/audience', { config: { oidc: { audience: 'other' } } }, async () => 'answered')
  const accessToken = 'an-opaque-access-token'
  const { headers } = await withIdentity(app, CLAIMS, { scope: 'openid read', accessToken })
  const token = await signer.sign({ ...CLAIMS, iss: ISSUER, aud: 'api', scope: 'openid read', exp: seconds() + 600 })
  const refusedAt = async (url: string, sent: Record<string, string>): Promise<Array<Record<string, unknown>>> => {
    const before = log.length
    const { statusCode, body } = await app.inject({ url, headers: { ...sent, 'sec-fetch-mode': 'cors' } })
    t.ok([401, 403].includes(statusCode), `${url}: ${statusCode}`)
    t.notMatch(body, /eve@corp\.com|staff|"user"|pwd/, 'what was found is not for the caller')
    return log.slice(before).filter(({ oidc }) => oidc === 'refused') as Array<Record<string, unknown>>
  }
  for (const [url, , line, says] of RULES) {
    for (const sent of [headers, { authorization: `Bearer ${token}` }] as Array<Record<string, string>>) {
      const lines = await refusedAt(url, sent)
      t.equal(lines.length, 1, url)
      t.match(lines[0], { level: 20, ...line, msg: says }, url)
    }
  }
  t.match(await refusedAt('/audience', { authorization: `Bearer ${token}` }), [{ level: 20, option: 'audience', names: ['other'], found: ['api'], msg: /audience wants|audience misses/ }])
  const written = JSON.stringify(log)
  for (const secret of [accessToken, token, token.split('.')[2] ?? token, String(headers.cookie).split('=')[1] ?? '']) t.notOk(written.includes(secret), 'no token, no cookie')
})

t.test('who has no such claim is told apart from who has another', async t => {
  const { app, log } = await consumerApp(t, { claims: ['employee'], by: ['id', 'username'], list: [YODA] }, { unauth_action: 'deny' })
  app.get('/fresh', { config: { oidc: { acr_values: ['mfa'], max_age: 60 } } }, async () => 'answered')
  const { headers } = await withIdentity(app, { sub: 'eve' })
  for (const url of ['/', '/fresh']) await app.inject({ url, headers: { ...headers, 'sec-fetch-mode': 'cors' } })
  t.match(log.filter(({ oidc }) => oidc === 'refused').map(({ msg }) => msg), [/consumer\.claims lead to nobody by id, username; found none$/, /acr_values wants one of mfa; found none$/])
})
