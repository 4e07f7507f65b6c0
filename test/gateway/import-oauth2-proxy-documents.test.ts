import { readFileSync } from 'node:fs'
import t from 'tap'
import { fixture, load, refusals, reportText, SECRET, translate } from './import-oauth2-proxy-parts.ts'

const DEX = JSON.parse(readFileSync(fixture('dex.args.json'), 'utf8')) as string[]
const held = (name: string): string => readFileSync(fixture(`${name}.report.txt`), 'utf8')

t.test('O211 the files of the documents, as they are printed, are reported line by line', async t => {
  for (const name of ['okta.cfg', 'okta-localhost.cfg', 'zitadel.cfg', 'zitadel-groups.cfg']) {
    const { checked, report } = await load(fixture(name))
    t.equal(reportText(report), held(name), name)
    t.equal(checked.kind, 'invalid', 'and nothing runs before what was never filled in is filled in')
  }
  const dex = await load(null, { args: DEX })
  t.equal(reportText(dex.report), held('dex.args.json'))
  const twoDashes = await load(null, { args: DEX.map(argument => argument.replace(/^-(?=[a-z])/, '--')) })
  t.equal(reportText(twoDashes.report), held('dex.args.json'), 'with one dash or two')
})

t.test('O211 with --dev, what is a secret there may stay as it is printed', async t => {
  const dex = await load(null, { args: DEX, dev: true })
  t.equal(dex.checked.kind, 'valid')
  for (const name of ['okta.cfg', 'okta-localhost.cfg', 'zitadel.cfg', 'zitadel-groups.cfg']) {
    const { report } = await load(fixture(name), { dev: true })
    const refused = report.filter(({ verdict }) => verdict === 'refused').map(({ message }) => message ?? '')
    for (const message of refused) t.match(message, /has the placeholder/, `${name}: addresses and names are filled in all the same`)
  }
})

t.test('O181 every placeholder of the documents is named, and a fresh secret printed', async t => {
  const file = { provider: 'oidc', client_id: 'app', client_secret: 'hunter2', cookie_secret: SECRET, oidc_issuer_url: 'https://idp.example', email_domains: ['*'], upstreams: [] }
  for (const secret of ['secret', 'ZZZZZ', 'ZZZ', '{SUPPLY_SOME_SECRET_HERE}']) {
    const [line = ''] = refusals(translate({ ...file, cookie_secret: secret }))
    t.ok(line.startsWith(`cookie_secret: refused, is the placeholder ${secret}. Here is a fresh one: cookie_secret = "`), line)
  }
  for (const id of ['XXXXX', 'XXX', '{ZITADEL_GENERATED_CLIENT_ID}']) t.ok(refusals(translate({ ...file, client_id: id }))[0]?.startsWith(`client_id: refused, is the placeholder ${id}:`), id)
  for (const secret of ['YYYYY', 'YYY', '{ZITADEL_GENERATED_CLIENT_SECRET}']) t.ok(refusals(translate({ ...file, client_secret: secret }))[0]?.startsWith(`client_secret: refused, is the placeholder ${secret}:`), secret)
  for (const host of ['{your_domain}.zitadel.cloud', '{ZITADEL_INSTANCE}', '${your-okta-domain}']) { // eslint-disable-line no-template-curly-in-string
    t.match(refusals(translate({ ...file, oidc_issuer_url: `https://${host}/x` })).join('\n'), 'oidc_issuer_url: refused, has the placeholder', host)
  }
  t.match(refusals(translate({ ...file, oidc_groups_claim: '{your_actions_group_key}' })).join('\n'), 'oidc_groups_claim: refused, has the placeholder {your_actions_group_key} in it')
})
