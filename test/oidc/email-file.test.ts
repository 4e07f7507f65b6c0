import t, { type Test } from 'tap'
import { renameSync, unlinkSync, writeFileSync } from 'node:fs'
import Fastify from 'fastify'
import oidc, { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { withIdentity } from 'fastify-oidc-testing'
import { parseEmailFile } from '../../packages/oidc/src/policy/email-file.ts'
import { until } from '../support/redis-process.ts'
import { createApplication, optionsFor } from './support.ts'

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }

async function startWith (t: Test, text: string, more: Partial<OidcPluginOptions> = {}) {
  const file = `${t.testdir({ emails: text })}/emails`
  const { app, log } = createApplication(t)
  await app.register(oidc, optionsFor(offline, { unauth_action: 'deny', allowed_emails_file: file, ...more }))
  app.get('/', async () => 'in')
  app.get('/lifted', { config: { oidc: { allowed_emails_file: false } } }, async () => 'in')
  app.get('/more', { config: { oidc: { allowed_emails: ['*@partner.example'] } } }, async () => 'in')
  const cookies = new Map<string, Record<string, string>>()
  const status = async (email: string, url = '/', claims: Record<string, unknown> = {}): Promise<number> => {
    const headers = cookies.get(email) ?? (await withIdentity(app, { sub: email, email, ...claims })).headers as Record<string, string>
    cookies.set(email, headers)
    return (await app.inject({ url, headers })).statusCode
  }
  return { app, file, log, status }
}

t.test('O084 who stands in the file passes, whoever is added passes without a restart, and whoever is taken out does not', async t => {
  const { app, file, log, status } = await startWith(t, '# the team\nAnn@Example.com\n')
  t.strictSame(await Promise.all(['ann@example.com', 'ANN@EXAMPLE.COM', 'bob@example.com'].map(async email => await status(email))), [200, 200, 403])
  t.match(app.oidc.routes().find(({ url }) => url === '/')?.policy, { allowed_emails_file: file })
  const reads = (): number => log.filter(line => line.oidc === 'emails.read').length
  writeFileSync(`${file}.new`, 'bob@example.com\n')
  renameSync(`${file}.new`, file)
  await until('the new file', async () => reads() === 1)
  t.strictSame([await status('ann@example.com'), await status('bob@example.com')], [403, 200], 'the sessions are the same')

  writeFileSync(file, 'bob@example.com\nnobody\n')
  await until('the broken file', async () => log.some(line => line.oidc === 'emails.broken'))
  t.match(log.find(line => line.oidc === 'emails.broken'), { level: 50, err: { message: 'line 2: no e-mail address in the first column' } })
  t.equal(await status('bob@example.com'), 200)
  unlinkSync(file)
  await until('the file that is gone', async () => log.filter(line => line.oidc === 'emails.broken').length === 2)
  t.strictSame([await status('bob@example.com'), await status('ann@example.com')], [200, 403])
})

t.test('a file may name whom the other lists do not', async t => {
  const folder = t.testdir({ emails: 'ann@corp.example\n' })
  const { problems } = checkOidcOptions({ ...optionsFor(offline), allowed_emails: ['bob@other.example'], allowed_emails_file: `${folder}/emails`, allowed_email_domains: ['corp.example'] })
  t.same(problems, [])
})

t.test('the file stands beside allowed_emails, a route may lift it, and an address that is not verified is none', async t => {
  const { app, status } = await startWith(t, 'ann@example.com\n', { allowed_emails: ['*@corp.example', 'bob@example.com'] })
  t.strictSame([await status('ann@example.com'), await status('bob@example.com'), await status('eve@corp.example'), await status('eve@example.com')], [200, 200, 200, 403])
  t.strictSame([await status('ann@example.com', '/more'), await status('joe@partner.example', '/more'), await status('bob@example.com', '/more')], [200, 200, 403])
  t.strictSame([await status('ann@example.com', '/lifted'), await status('bob@example.com', '/lifted')], [403, 200])
  const { headers } = await withIdentity(app, { sub: 'x', email: 'ann@example.com', email_verified: false })
  t.equal((await app.inject({ url: '/', headers })).statusCode, 403)
  const { headers: unnamed } = await withIdentity(app, { sub: 'y' })
  t.equal((await app.inject({ url: '/', headers: unnamed })).statusCode, 403)
})

t.test('a line for a whole domain lets nobody of it in, as in OAuth2 Proxy, and the log says which', async t => {
  const { file, log, status } = await startWith(t, 'ann@example.com\n*@example.com\n"*@corp.example",all of them\n')
  t.strictSame([await status('ann@example.com'), await status('bob@example.com')], [200, 403])
  const warned = (): unknown[] => log.filter(line => line.oidc === 'emails.wildcard').map(({ level, msg }) => [level, msg])
  t.match(warned(), [[40, /^allowed_emails_file, lines 2, 3: .*: for all of a domain write it in allowed_emails$/]])
  writeFileSync(file, '*@example.com\n')
  await until('the new file', () => Promise.resolve(warned().length === 2))
  t.match(warned()[1], [40, /, line 1: /], 'at each version')
  t.notMatch(JSON.stringify(warned()), /example/)
})

t.test('a file that cannot be used stops the boot; one without addresses lets nobody pass', async t => {
  const start = async (file: string): Promise<unknown> => {
    const app = Fastify()
    t.teardown(async () => { await app.close() })
    return await app.register(oidc, optionsFor(offline, { allowed_emails_file: file })).then(() => null, (error: unknown) => error)
  }
  const folder = t.testdir({ wrong: 'ann\nb@c.example\n@\n', binary: Buffer.from([0xff, 0xfe, 0x00]), folder: {} })
  for (const [name, message] of [['none', /allowed_emails_file cannot be used: ENOENT/], ['wrong', /cannot be used: lines 1, 3: no e-mail address/], ['binary', /cannot be used/], ['folder', /EISDIR/]] as const) {
    t.match(await start(`${folder}/${name}`), { code: 'FST_OIDC_OPTIONS_INVALID', message })
  }
  const { status } = await startWith(t, '# nobody yet\n')
  t.equal(await status('ann@example.com'), 403)
})

t.test('the first column counts, quoted or not, with every end of line', async t => {
  t.strictSame([...parseEmailFile('\uFEFFA@b.example,Ann\r\n "c@d.example" , "x"\n"e""f@g.example",1\n\n  # h@i.example\nÄ@b.example\n').emails], ['a@b.example', 'c@d.example', 'e"f@g.example', 'Ä@b.example'])
  for (const line of ['a', '@b', 'a@', 'a@b@c', 'a b@c.example', ',a@b.example', '""']) t.throws(() => parseEmailFile(line), /^line 1: no e-mail address/, line)
  t.throws(() => parseEmailFile(Array(12).fill('x').join('\n')), /^lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …: no/)
})
