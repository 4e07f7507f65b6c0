import t from 'tap'
import { parseConfiguration } from 'fastify-oidc-gateway'
import { parseArguments } from '../../packages/gateway/src/cli/arguments.ts'
import { fixture } from './import-kong-parts.ts'
import { runCommand as run, runProgram } from './program.ts'

const ENVIRONMENT = { SESSION_SECRET: 'x'.repeat(32) }
const PLACE = ['--route', '/api', '--upstream', 'http://127.0.0.1:8080']

t.test('import prints YAML that check accepts, and the report beside it', async t => {
  const imported = await runProgram(t, ['import', '--from', 'kong', fixture('deck.yaml')])
  t.equal(imported.code, 0, imported.err)
  t.match(imported.err, /deck\.yaml:39:7 {2}exact {2}plugins\[0\]\.config\.scopes_required is required_scopes: \{ any_of:/)
  t.notMatch(imported.out + imported.err, /not-for-the-report/)
  t.equal(parseConfiguration(imported.out, 'yaml').kind, 'parsed')
  const folder = t.testdir({ 'gateway.yaml': imported.out })
  t.match(await run(['check', '-c', `${folder}/gateway.yaml`], ENVIRONMENT), { code: 0, out: /^ok {2}4 routes, 3 protected, 1 open/ })
})

t.test('check and routes read the guide\'s commands, and say where they stand', async t => {
  const guide = ['--from', 'kong', '-c', fixture('okta.sh')]
  t.match(await run(['check', ...guide], ENVIRONMENT), { code: 2, err: /okta\.sh:1:1 .*has a plugin and no routes: --route PATH and --upstream URL/ })
  t.match(await run(['routes', ...guide, ...PLACE], ENVIRONMENT), { code: 0, out: /\/api/, err: /okta\.sh:6:10 {2}approximated .*redirect_uri/ })
  t.match(await run(['check', ...guide, ...PLACE]), { code: 2, err: /SESSION_SECRET, which is not set/ })
})

t.test('where a plugin stands is for Kong alone, and a path and an origin', async t => {
  const misuse = (...args: readonly string[]): string => {
    const parsed = parseArguments(args)
    return parsed.kind === 'misuse' ? parsed.message : parsed.kind
  }
  t.match(misuse('start', '-c', 'x.yaml', ...PLACE), /--route is for --from kong/)
  t.match(misuse('start', '--from', 'apisix', '-c', 'x', '--upstream', 'http://a'), /--upstream is for --from kong/)
  t.match(misuse('start', '--from', 'kong', '-c', 'x', '--route', 'api', '--upstream', 'http://a'), /--route must be a path/)
  t.match(misuse('start', '--from', 'kong', '-c', 'x', '--route', '/api', '--upstream', 'http://a/b'), /--upstream must be http/)
  t.match(misuse('start', '--from', 'kong', '-c', 'x', '--route', '/api'), /--upstream must be http/)
  t.equal(misuse('start', '--from', 'kong', '-c', 'x', ...PLACE), 'run')
})
