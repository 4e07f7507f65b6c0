import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseArguments } from '../../packages/gateway/src/cli/arguments.ts'
import { parseCommandLine } from '../../packages/gateway/src/importers/oauth2-proxy/command-line.ts'
import { block, FILE, fixture, load, refusals, SECRET, told, translate } from './import-oauth2-proxy-parts.ts'
import { readText as text, runCommand as run, runProgram, spawnProgram, untilListening } from './program.ts'

const DEX = JSON.parse(readFileSync(fixture('dex.args.json'), 'utf8')) as string[]

/** The file of the documents with what was never filled in. */
function filled (name: string): string {
  return readFileSync(fixture(name), 'utf8')
    .replace(/"(X+|\{ZITADEL_GENERATED_CLIENT_ID\})"/, '"app"')
    .replace(/"(Y+|\{ZITADEL_GENERATED_CLIENT_SECRET\})"/, '"hunter2"')
    .replace(/"(Z+|\{SUPPLY_SOME_SECRET_HERE\})"/, `"${SECRET}"`)
    .replace(/\$\{your-okta-domain\}/, 'dev-1.okta.com')
    .replace('{your_domain}', 'acme')
    .replace('{your_actions_group_key}', 'groups')
}

t.test('the command line has one dash or two, = or a blank, and lists that go on', async t => {
  const options = (...args: string[]): unknown => Object.fromEntries(parseCommandLine(args).options.map(({ flag, input }) => [flag, input]))
  t.same(options('-client-id', 'a', '--client-secret=b=c', '--cookie-secure=false', '-skip-provider-button', '--email-domain', 'a.com,b.com', '-email-domain=c.com'), {
    'client-id': 'a', 'client-secret': 'b=c', 'cookie-secure': 'false', 'skip-provider-button': 'true', 'email-domain': ['a.com', 'b.com', 'c.com']
  })
  t.same(options('--client-id=a', '--client-id=b', '--client-secret', '-dash'), { 'client-id': 'b', 'client-secret': '-dash' }, 'the last one counts')
  t.same(options('--skip-auth-route', '"^/a{1,2}$","x""y"', '--upstream='), { 'skip-auth-route': ['^/a{1,2}$', 'x"y'], upstream: [] })
  const problems = (...args: string[]): string => parseCommandLine(args).problems.map(({ argument, message }) => `${argument} ${message}`).join('\n')
  t.match(problems('--clientid', 'x'), /^--clientid is not an option of OAuth2 Proxy; did you mean --client-id\?$/)
  t.match(problems('--cookie-secure', 'false'), /^false is not an option: write values of switches with =/)
  t.match(problems('stray'), /^argument is not an option/)
  t.match(problems('--client-id'), /needs a value/)
  t.match(problems('--email-domain="a'), /quote that does not end/)
  t.match(problems('--convert-config-to-alpha'), /is not an option here: oidc-gateway import --from oauth2-proxy/)
  t.match(problems('--config-test=perhaps'), /true or false/)
})

t.test('O212 O213 the command line goes before the environment, and that before the file; an empty variable is none', async t => {
  const environment = { OAUTH2_PROXY_CLIENT_ID: 'environment', OAUTH2_PROXY_SCOPE: 'openid', OAUTH2_PROXY_EMAIL_DOMAINS: 'a.com,b.com', OAUTH2_PROXY_COOKIE_NAME: '', OAUTH2_PROXY_PORT: 'tcp://10.0.0.1:80', OTHER: 'x' }
  const imported = translate({ ...FILE, client_id: 'file', cookie_name: 'file' }, { environment, args: ['-client-id=argument'] })
  t.match(block(imported), { client_id: 'argument', scope: 'openid', session: { cookie_name: 'file' } })
  t.match(told(imported), /^client_id: exact, has no effect: OAUTH2_PROXY_CLIENT_ID goes before it$/m)
  t.match(told(imported), /^OAUTH2_PROXY_CLIENT_ID: exact, has no effect: --client-id goes before it$/m)
  t.match(imported.report.notes, [{ path: ['OAUTH2_PROXY_PORT'], message: /is not an option of OAuth2 Proxy/ }], 'said, and no reason to stop')
})

t.test('O215 values are read as forgivingly as there', async t => {
  t.match(block(translate({ ...FILE, email_domains: '*', cookie_secure: 'false', cookie_httponly: 0, cookie_expire: 3600e9, client_id: 12 })), { client_id: '12', session: { cookie_secure: false, cookie_http_only: false, cookie: { lifetime: 3600 } } })
  t.match(block(translate({ ...FILE, cookie_expire: '1h30m0.5s' })), { session: { cookie: { lifetime: 5400 } } })
  for (const [name, value, why] of [['cookie_secure', 'nein', /true or false/], ['cookie_expire', '7d', /a duration/], ['client_id', true, /a text/], ['email_domains', [{}], /a list of texts/], ['email_domains', 7, /a list of texts/], ['logging_max_age', 1.5, /a whole number/]] as const) {
    t.match(refusals(translate({ ...FILE, [name]: value })).find(line => line.startsWith(name)), why, name)
  }
})

t.test('-- and --dev are for oauth2-proxy alone', async t => {
  const misuse = (...args: string[]): unknown => parseArguments(args)
  t.match(misuse('start', '-c', 'x.yaml', '--', '-provider'), { kind: 'misuse', message: /^-- is for --from oauth2-proxy/ })
  t.match(misuse('start', '--from', 'apisix', '--dev', '-c', 'x'), { kind: 'misuse', message: /^--dev is for --from oauth2-proxy/ })
  t.match(misuse('import', '--from', 'oauth2-proxy', '--dev', 'x'), { kind: 'misuse', message: /^--dev is not for import/ })
  t.match(misuse('start', '--from', 'oauth2-proxy', '--ignore-plugin', 'x'), { kind: 'misuse', message: /has no plugins/ })
  t.match(misuse('start', '--from', 'oauth2-proxy', '-c', 'a.cfg', '--', '--config', 'b.cfg'), { kind: 'misuse', message: /takes one file/ })
  t.match(misuse('start', '--from', 'oauth2-proxy', '--', '--config', 'b.cfg'), { kind: 'run', source: { file: 'b.cfg', foreign: { commandLine: ['--config', 'b.cfg'], dev: false } } })
  t.match(misuse('start', '--from', 'oauth2-proxy', '--dev', '--', '-client-id', 'a'), { kind: 'run', source: { file: null, foreign: { dev: true } } })
  t.match(misuse('check', '--from', 'oauth2-proxy'), { kind: 'run', source: { file: null } }, 'the environment may have all of it')
})

t.test('O216 --config-test of OAuth2 Proxy is check, and --version is ours', async t => {
  const invoked = (...args: string[]): unknown => parseArguments(args)
  t.match(invoked('start', '--from', 'oauth2-proxy', '--', '--config', 'b.cfg', '--config-test'), { kind: 'run', command: 'check', source: { file: 'b.cfg' } })
  t.match(invoked('start', '--from', 'oauth2-proxy', '--', '-config', 'b.cfg', '-config-test=false'), { kind: 'run', command: 'start' })
  t.match(invoked('start', '--from', 'oauth2-proxy', '--', '--version', '--config-test'), { kind: 'version' })
  t.match(invoked('import', '--from', 'oauth2-proxy', '--', '--config', 'b.cfg', '--config-test'), { kind: 'misuse', message: /for start and check/ })
  const folder = t.testdir({ 'right.cfg': filled('okta.cfg'), 'wrong.cfg': filled('okta.cfg').replace('client_id', 'client_idd').replace('skip_provider_button = true', 'cookie_secure = "perhaps"') })
  t.equal((await load(`${folder}/right.cfg`, { args: ['--config-test'] })).checked.kind, 'valid')
  const { checked } = await load(`${folder}/wrong.cfg`, { args: ['--config-test'] })
  const told = checked.kind === 'invalid' ? checked.problems.map(({ path, message }) => `${path.join('.')} ${message}`).join('\n') : ''
  for (const problem of [/client_idd is not an option of OAuth2 Proxy; did you mean client_id\?/, /cookie_secure must be true or false/, /client_id is missing/]) t.match(told, problem, 'every error at once')
})

t.test('O211 the files of the documents hold with what was never filled in', async t => {
  for (const name of ['okta.cfg', 'okta-localhost.cfg', 'zitadel.cfg', 'zitadel-groups.cfg']) {
    const file = `${t.testdir({ 'proxy.cfg': filled(name) })}/proxy.cfg`
    t.match(await run(['check', '--from', 'oauth2-proxy', '-c', file]), { code: 0, out: 'ok  1 route, 1 protected, 0 open, 1 core, endpoints under /oauth2, plain HTTP\n' }, name)
  }
  const literal = await run(['check', '--from', 'oauth2-proxy', '-c', fixture('okta.cfg')])
  t.match(literal, { code: 2, out: '', err: /okta\.cfg:10:1 {2}client_id is the placeholder[^]*3 problems in/ })
})

t.test('import prints a native file in which secrets of the environment are references', async t => {
  const environment = Object.fromEntries(Object.entries({ ...FILE, email_domains: '*', upstreams: 'http://127.0.0.1:1' }).map(([name, value]) => [`OAUTH2_PROXY_${name.toUpperCase()}`, String(value)]))
  const { code, out, err } = await runProgram(t, ['import', '--from', 'oauth2-proxy'], environment)
  t.equal(code, 0, err)
  t.match(out, /client_secret: \$ENV:\/\/OAUTH2_PROXY_CLIENT_SECRET\n[^]*secret: \$ENV:\/\/OAUTH2_PROXY_COOKIE_SECRET\n/)
  t.notMatch(out + err, new RegExp(`hunter2|${SECRET}`))
  const folder = t.testdir({ 'gateway.yaml': out })
  t.match(await run(['check', '-c', `${folder}/gateway.yaml`], environment), { code: 0, out: /^ok {2}1 route/ })
})

t.test('start runs a command line of OAuth2 Proxy, and --dev says what it lets pass', async t => {
  t.match(await run(['start', '--from', 'oauth2-proxy', '--', ...DEX]), { code: 2, out: '', err: /--cookie-secret is the placeholder secret\. Here is a fresh one/ })
  const child = spawnProgram(t, ['start', '--from', 'oauth2-proxy', '--dev', '--listen', '127.0.0.1:0', '--', ...DEX])
  const warned = text(child.stderr)
  const said = await untilListening(child)
  t.match(said, /listening at http:\/\/127\.0\.0\.1:\d+"/)
  child.kill('SIGTERM')
  t.match(await warned, /--cookie-secret is a placeholder, which --dev lets pass/)
})
