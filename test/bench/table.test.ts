import t from 'tap'
import { summarize } from '../../bench/statistics.mjs'
import { performanceMarkdown, type BenchRecord } from '../../scripts/docs/performance.mjs'

const speed = { requestsPerSecond: 12345, cpuUsPerRequest: 80, p50Ms: 1.5, p99Ms: 4, rssBytes: 100 * 2 ** 20 }
const sizes = { upstreamBytes: 2345, cookieBytes: 1900, setCookieBytes: 0 }

const record: BenchRecord = {
  startedAt: '2026-11-21T12:00:00.000Z',
  machine: { platform: 'linux', node: 'v20.20.2', cpu: 'A CPU', cores: 2, memoryBytes: 8 * 2 ** 30, pinned: { server: '0', rest: '1' }, loadBefore: [0.1, 0.2, 0.3] },
  options: { connections: 32, sessions: 1000, rounds: 7, duration: 3, warmUp: 5 },
  load: 'wrk',
  sizes: { sessionBytes: 3500, accessTokenBytes: 1100 },
  skipped: [],
  summary: summarize([
    { name: 'bare', title: 'Bare', group: 'bare', sizes: { ...sizes, cookieBytes: 0 } },
    { name: 'ours', title: 'Ours', group: 'ours', sizes }
  ], [{ bare: speed, ours: { ...speed, requestsPerSecond: 9876, p99Ms: 6 } }])
}

t.test('rows have the figures of the record, each under its head', async t => {
  const lines = performanceMarkdown(record).split('\n')
  t.ok(lines.includes('| Ours (`ours`) | 9,876 | **0.80** | 0.80 to 0.80 | 80 | 1.00 | 1.50 | 6.00 | 1.50 |'))
  t.ok(lines.includes('| Ours (`ours`) | 100 | 2,345 | 1,900 | 0 |'))
  for (const table of performanceMarkdown(record).split('\n\n').filter(part => part.startsWith('|'))) {
    t.equal(new Set(table.split('\n').map(line => line.split('|').length)).size, 1, 'as many cells in each line')
  }
})

t.test('machine, load and sizes are said', async t => {
  const text = performanceMarkdown(record)
  t.match(text, 'Measured 2026-11-21: A CPU, 2 cores, 8 GB, linux, Node.js 20.20.2; the server on core 0, load, upstream, provider and Redis on 1. wrk, 32 connections, 1,000 sessions in rotation, 7 rounds of 3 s after 5 s of warm-up. A session is 3,500 bytes, 1,100 of which are the access token.')
  t.match(performanceMarkdown({ ...record, machine: { ...record.machine, pinned: null }, sizes: null }), 'server and load share the cores. wrk')
})

t.test('a run on a busy machine says so, and a quiet one does not', async t => {
  t.notMatch(performanceMarkdown(record), /busy/)
  t.match(performanceMarkdown({ ...record, machine: { ...record.machine, loadBefore: [4.2, 0, 0] } }), 'busy with other work (load average 4.2 on 2 cores)')
})

t.test('who did not run, and whose figures need a word, is listed', async t => {
  const [bare, ours] = record.summary
  if (bare === undefined || ours === undefined) throw new Error('two rows')
  const text = performanceMarkdown({ ...record, skipped: [{ name: 'apache', title: 'Apache', reason: 'there is none' }], summary: [bare, { ...ours, note: 'it shares its cores', cpuUsPerRequest: null, cpuRatio: null, rssBytes: null }] })
  t.match(text, '- `ours`: it shares its cores.')
  t.match(text, '- Not measured: `apache`, because there is none.')
  t.match(text, '| 0.80 to 0.80 | – | – |')
})
