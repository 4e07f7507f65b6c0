import { readFileSync } from 'node:fs'
import t from 'tap'

/** What no test of ours can show. */
const WITHOUT_TEST = new Set(['Dependencies that run code at installation'])

t.test('every attack in docs/security.md names what stops it and the tests that show it', async t => {
  const text = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')
  const rows = text.split('\n').filter(line => line.startsWith('| ')).slice(1).map(line => line.split(' | ').map(cell => cell.replace(/^\| |\|$/g, '').trim()))
  t.ok(rows.length > 20)
  for (const [attack = '', stops = '', tests = ''] of rows) {
    t.not(stops, '', attack)
    t.equal(/\]\(\.\.\/test\/[\w/-]+\.test\.ts\)/.test(tests), !WITHOUT_TEST.has(attack), attack)
  }
})
