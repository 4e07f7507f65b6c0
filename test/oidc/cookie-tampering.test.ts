import t from 'tap'
import { optionsFor, protectedApp, SECRET } from './support.ts'
import { handleOf, setCookies } from './session-parts.ts'

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }
const incompressible = (bytes: number): string => Array.from({ length: Math.ceil(bytes / 8) }, (_, index) => (Math.imul(index + 1, 0x9E3779B1) >>> 0).toString(16).padStart(8, '0')).join('')

type App = Awaited<ReturnType<typeof protectedApp>>['app']

async function isAnonymous (app: App, cookie: string): Promise<boolean> {
  const started = performance.now()
  const answer = await app.inject({ url: '/', headers: { cookie } })
  if (answer.statusCode !== 401 && answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${answer.body}`)
  if (performance.now() - started > 250) throw new Error('slow')
  if (answer.statusCode === 401 && setCookies(answer).length > 0) throw new Error('a cookie that does not open was touched')
  return answer.statusCode === 401
}

t.test('O174, O127: a cookie with any byte changed is anonymous', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { unauth_action: 'deny' }))
  const cookie = await app.oidc.issueCookie({})
  t.notOk(await isAnonymous(app, cookie))
  const handle = handleOf(cookie)
  const bytes = Buffer.from(handle, 'base64url')
  const regions = { version: [0], 'key id': [1, 2, 3, 4], salt: [5, 12, 20], body: [40, Math.floor(bytes.length / 2)], tag: [bytes.length - 16, bytes.length - 1] }
  for (const [region, positions] of Object.entries(regions)) {
    for (const position of positions) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(position) ^ 1, position)
      t.ok(await isAnonymous(app, `oidc=${changed.toString('base64url')}`), `${region}, byte ${position}`)
    }
  }
  let survivors = 0
  for (let position = 0; position < handle.length; position += 7) {
    const other = handle[position] === 'A' ? 'B' : 'A'
    if (!await isAnonymous(app, `oidc=${handle.slice(0, position)}${other}${handle.slice(position + 1)}`)) survivors++
  }
  t.equal(survivors, 0)
  t.notOk(await isAnonymous(app, cookie), 'the right one still opens')
})

t.test('a cookie that is cut, grown, spelt otherwise or not ours is anonymous', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { unauth_action: 'deny' }))
  const handle = handleOf(await app.oidc.issueCookie({}))
  const spellings = [
    handle.slice(0, -1), handle.slice(1), handle.slice(0, 20), `${handle}A`, `${handle}=`, `${handle} x`, handle.toUpperCase(),
    Buffer.from(handle, 'base64url').toString('base64'), `%${handle}`, encodeURIComponent(`"${handle}"`), '', '.', '1.abcdef.', `1.abcdef.${handle}`, `0.abcdef.${handle}`, `99.abcdef.${handle}`,
    'null', '{}', '[object Object]', '__proto__', 'A'.repeat(100_000), 'ÿþ', '\u0000'
  ]
  for (const value of spellings) t.ok(await isAnonymous(app, `oidc=${value}`), JSON.stringify(value.slice(0, 30)))
  for (const name of ['OIDC', 'oidc ', 'oidc_', 'oidc_0x', 'xoidc', '__Host-oidc', '__Secure-oidc', 'oidc_tx_00000000000']) t.ok(await isAnonymous(app, `${name}=${handle}`), name)
  t.notOk(await isAnonymous(app, `first=1; oidc=${handle}; last=2`))
  t.notOk(await isAnonymous(app, `a="oidc=x"; b=oidc; oidc=${handle}`), 'names within values do not count')
})

t.test('pieces that are cut, reordered, missing or too many are anonymous', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { unauth_action: 'deny' }))
  const cookie = await app.oidc.issueCookie({ accessToken: incompressible(16_000), accessTokenExpiresAt: null })
  const pieces = cookie.split('; ').map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as [string, string])
  t.ok(pieces.length > 2, `${pieces.length} pieces`)
  const spell = (list: ReadonlyArray<readonly [string, string]>): string => list.map(([name, value]) => `${name}=${value}`).join('; ')
  t.notOk(await isAnonymous(app, spell(pieces)))
  for (let index = 0; index < pieces.length; index++) {
    t.ok(await isAnonymous(app, spell(pieces.filter((_, other) => other !== index))), `without piece ${index}`)
    t.ok(await isAnonymous(app, spell(pieces.map(([name, value], other) => other === index ? [name, value.slice(0, -1)] : [name, value]))), `piece ${index} cut`)
    t.ok(await isAnonymous(app, spell(pieces.map(([name, value], other) => other === index ? [name, ''] : [name, value]))), `piece ${index} empty`)
  }
  const [first, second] = pieces as [[string, string], [string, string]]
  t.ok(await isAnonymous(app, spell([[first[0], second[1]], [second[0], first[1]], ...pieces.slice(2)])), 'two contents exchanged')
  t.notOk(await isAnonymous(app, spell([...pieces, [`oidc_${pieces.length}`, second[1]], ['oidc_19', 'junk'], ['oidc_77', 'junk']])), 'what is too much is not looked at')
  const recounted = pieces.map(([name, value]) => [name, value.replace(/^\d+/, String(pieces.length + 1))] as const)
  t.ok(await isAnonymous(app, spell([...recounted, [`oidc_${pieces.length}`, `${pieces.length + 1}.${second[1].slice(2, 8)}.AAAA`]])), 'a piece more, and counted')
})

t.test('of several cookies of one name four are tried', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { unauth_action: 'deny' }))
  const cookie = await app.oidc.issueCookie({})
  const junk = Array.from({ length: 4 }, (_, index) => `oidc=${handleOf(cookie).replace(/^.{40}/, String(index).repeat(40))}`)
  t.notOk(await isAnonymous(app, [...junk.slice(0, 3), cookie].join('; ')), 'the fourth counts')
  t.ok(await isAnonymous(app, [...junk, cookie].join('; ')), 'a fifth does not')
  t.notOk(await isAnonymous(app, [cookie, ...junk, ...junk].join('; ')))
})

// rows: session.secret
t.test('S435: a session opens with its own secret, client and provider alone', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { unauth_action: 'deny' }))
  const cookie = await app.oidc.issueCookie({})
  const others = {
    secret: optionsFor(offline, { session: { secret: `${SECRET}!` } }),
    client: optionsFor({ ...offline, clientId: 'another' }),
    provider: optionsFor({ ...offline, discovery: 'http://127.0.0.1:8/.well-known/openid-configuration' })
  }
  for (const [name, options] of Object.entries(others)) {
    const other = await protectedApp(t, { ...options, unauth_action: 'deny' })
    t.ok(await isAnonymous(other.app, cookie), name)
  }
  const same = await protectedApp(t, optionsFor(offline, { unauth_action: 'deny' }))
  t.notOk(await isAnonymous(same.app, cookie), 'another instance of the same opens it')
})

t.test('secrets rotate without a logout', async t => {
  const [older, newer] = [SECRET, 'another secret of more than thirty-two bytes']
  const under = async (secret: string, fallbacks: string[]): Promise<App> => (await protectedApp(t, optionsFor(offline, { unauth_action: 'deny', session: { secret, secret_fallbacks: fallbacks } }))).app
  const before = await under(older, [])
  const prepared = await under(older, [newer])
  const swapped = await under(newer, [older])
  const after = await under(newer, [])
  const old = await before.oidc.issueCookie({})
  const fresh = await swapped.oidc.issueCookie({})
  t.notOk(await isAnonymous(prepared, old))
  t.notOk(await isAnonymous(swapped, old))
  t.notOk(await isAnonymous(prepared, fresh), 'an instance that was not swapped yet opens the new ones')
  t.notOk(await isAnonymous(after, fresh))
  t.ok(await isAnonymous(after, old))
  t.ok(await isAnonymous(before, fresh))
})
