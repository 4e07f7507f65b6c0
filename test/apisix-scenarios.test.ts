import t from 'tap'
import { fileURLToPath } from 'node:url'
import { readExplained, readNumbers, readScenarios, readTexts, writeNumbers } from '../scripts/docs/scenarios.mjs'

t.test('every numbered behaviour of APISIX has a test or a reason, and nothing else has a number', async t => {
  const { tested, explained, missing, unknown } = readScenarios(fileURLToPath(new URL('..', import.meta.url)))
  t.comment(`${tested.length} in tests, ${explained.length} in docs/apisix.md, ${tested.filter(number => explained.includes(number)).length} in both`)
  t.equal(writeNumbers(missing), '', 'in neither')
  t.same(unknown, [], 'no number that there is not')
})

t.test('numbers are read one by one and from one to another', async t => {
  t.same(readNumbers('S001, S003 to S005 and S007–S009, S011-S012: RS256, AS001x, S12'), [1, 3, 4, 5, 7, 8, 9, 11, 12])
  t.equal(writeNumbers([1, 2, 3, 7, 9, 10]), 'S001–S003, S007, S009–S010')
})

t.test('a number counts in the text of a test, and not in a comment; S256 in its name alone', async t => {
  // eslint-disable-next-line no-template-curly-in-string -- it is the source of a test
  const source = "// S001\nt.test('S002: it holds', async t => { t.equal(method, 'S256'); t.equal(`S003 ${x} S004`, '') })\nconst table = [['S005', {}]]"
  t.same([...readTexts(source)], [2, 3, 4, 5])
  t.same([...readTexts("t.test('a challenge (S256)', async t => {})")], [256])
})

t.test('a line of the documentation counts if it gives the reason', async t => {
  const section = (row: string): string => `# x\n\n| S001 | a | b |\n\n## Numbered behaviours that do not apply\n\n${row}\n\n## Next\n\n| S009 | a | b |\n`
  t.same([...readExplained(section('| S002–S004, S007 | there | here |'))], [2, 3, 4, 7])
  t.same([...readExplained(section('| S002 | there | |'))], [])
  t.same([...readExplained(section('S002 does not apply'))], [])
})
