import t from 'tap'
import { fileURLToPath } from 'node:url'
import { readAdvisories, readExplained, readNames, readNumbers, readProxyScenarios, readTexts, writeNumbers } from '../scripts/docs/scenarios.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

t.test('everything that OAuth2 Proxy does has a test or a reason, what is for security a test, and nothing else has a number', async t => {
  const { tested, explained, missing, unknown } = readProxyScenarios(ROOT)
  t.comment(`${tested.length} in tests, ${explained.length} in docs/oauth2-proxy.md, ${tested.filter(number => explained.includes(number)).length} in both`)
  t.equal(writeNumbers(missing, 'O'), '', 'in neither, or without a test')
  t.same(unknown, [], 'no number that there is not')
})

t.test('every advisory and every requirement has a test', async t => {
  const { advisories, requirements } = readAdvisories(ROOT)
  t.same(advisories, { tested: 14, missing: [] })
  t.same(requirements, { tested: 19, missing: [] })
  t.same([...readNames("t.test('W3, CVE-2020-5233 and GHSA-qqxw-m5fj-f7gv: it holds', async t => { send('W10') }) // W4")], ['W3', 'CVE-2020-5233', 'GHSA-qqxw-m5fj-f7gv'])
})

t.test('the numbers of one list are not those of the other', async t => {
  t.same(readNumbers('O001, S002, O003 to O005 and O007–O009', 'O'), [1, 3, 4, 5, 7, 8, 9])
  t.same([...readTexts("t.test('S002, O003: it holds', async t => { t.equal(1, 1, 'O004') }) // O005", 'O')], [3, 4])
  t.equal(writeNumbers([1, 2, 4], 'O'), 'O001–O002, O004')
  t.same([...readExplained('# x\n\n## By number\n\n| O002, O004 | there | here |\n| O006 | there | |\n\n## Next\n\n| O009 | a | b |\n', { letter: 'O', heading: '## By number' })], [2, 4])
})
