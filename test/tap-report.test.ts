import t from 'tap'
import { createTapReport, type TapOutcome } from '../scripts/tap-report.mjs'

function report (tap: string, comments?: 'of all'): TapOutcome & { readonly written: string[] } {
  const written: string[] = []
  const reader = createTapReport(line => written.push(line), { comments })
  for (const line of tap.split('\n')) reader.line(line)
  return { ...reader.end(), written }
}

t.test('a green run is one line a file, the coverage and the counts', async t => {
  const { counts, undone, written } = report(`TAP version 14
1..1
# Subtest: test/a.test.ts
    # Subtest: a thing
        ok 1 - should be equal
        1..1
    ok 1 - a thing # time=6.036ms
    
    1..1
    # time=34.1ms
ok 1 - test/a.test.ts # time=1534.147ms

-------|------
File   | % Stmts
-------|------
# { total: 1, pass: 1 }
# time=2096.408ms`)
  t.same(counts, { passed: 1, failed: 0 })
  t.same(undone, [])
  t.same(written, ['  ok   test/a.test.ts (1.5 s)', '-------|------', 'File   | % Stmts', '-------|------'])
})

t.test('comments of what passed are shown where they are asked for', async t => {
  const tap = `# Subtest: test/a.test.ts
    # Subtest: a thing
        # worst of 100: 12 ms
        ok 1 - should be equal
        1..1
    ok 1 - a thing # time=6.036ms
    1..1
    # time=34.1ms
ok 1 - test/a.test.ts # time=1534.147ms`
  t.same(report(tap).written, ['  ok   test/a.test.ts (1.5 s)'])
  t.same(report(tap, 'of all').written, ['  ok   test/a.test.ts (1.5 s)', '             # worst of 100: 12 ms'])
})

t.test('a failure is shown with its diagnostic and the comments, without what passed', async t => {
  const { counts, written } = report(`# Subtest: test/a.test.ts
    ok 1 - fine
    # Subtest: bad thing
        not ok 1 - numbers
          ---
          diff: |
            -not ok 7
            +ok 8
          ...
        # a screenshot
        ok 2 - also fine
        1..2
    not ok 2 - bad thing # time=6.869ms
      ---
      lineNumber: 5
      ...
    1..2
not ok 1 - test/a.test.ts # time=34.147ms
  ---
  command: node
  args:
    - --import=x
  ...

# { total: 3, pass: 2, fail: 1 }`)
  t.same(counts, { passed: 2, failed: 1 })
  t.equal(written[0], '  FAIL test/a.test.ts (0.0 s)')
  const text = written.join('\n')
  for (const shown of ['not ok 1 - numbers', '-not ok 7', '+ok 8', '# a screenshot', 'not ok 2 - bad thing', 'lineNumber: 5']) t.ok(text.includes(shown), shown)
  for (const hidden of ['fine', 'command', '--import']) t.notOk(text.includes(hidden), hidden)
})

t.test('counts that a test prints itself are not taken for those of the run', async t => {
  const { counts } = report(`# Subtest: test/a.test.ts
    # { total: 9, pass: 9 }
    ok 1 - noise
not ok 1 - test/a.test.ts # time=1ms
# { total: 2, pass: 1, fail: 1 }`)
  t.same(counts, { passed: 1, failed: 1 })
})

t.test('what was skipped is named, in a file and as a whole', async t => {
  const { undone } = report(`# Subtest: test/a.test.ts
    ok 1 - needs a moon # SKIP new moon
    ok 2 - later # TODO
    1..2
ok 1 - test/a.test.ts # time=1ms
ok 2 - test/b.test.ts # SKIP`)
  t.same(undone, [
    { file: 'test/a.test.ts', name: 'needs a moon', kind: 'skip', reason: 'new moon' },
    { file: 'test/a.test.ts', name: 'later', kind: 'todo', reason: '' },
    { file: 'test/b.test.ts', name: 'test/b.test.ts', kind: 'skip', reason: '' }
  ])
})

t.test('a run that ends before it counts has no counts', async t => {
  t.equal(report('# Subtest: test/a.test.ts\n    ok 1 - x').counts, null)
})
