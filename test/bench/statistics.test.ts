import t from 'tap'
import { median, summarize, type RoundResult } from '../../bench/statistics.mjs'

function result (requestsPerSecond: number, more: Partial<RoundResult> = {}): RoundResult {
  return { requestsPerSecond, cpuUsPerRequest: 100, p50Ms: 1, p99Ms: 4, rssBytes: 100, ...more }
}

const bare = { name: 'bare', title: 'Bare', group: 'bare' }
const ours = { name: 'ours', title: 'Ours', group: 'ours' }

t.test('the median of an even number of values lies between the two in the middle, whatever their order', async t => {
  t.equal(median([9, 1, 5]), 5)
  t.equal(median([10, 9, 1, 5]), 7)
})

t.test('a ratio is the median of the ratios of rounds, not that of the medians', async t => {
  const [, row] = summarize([bare, ours], [
    { bare: result(100), ours: result(100) },
    { bare: result(1000), ours: result(500) },
    { bare: result(10), ours: result(8) }
  ])
  t.match(row, { ratio: 0.8, ratioRange: [0.5, 1], requestsPerSecond: 100, requestsPerSecondRange: [8, 500] })
})

t.test('processor time is compared the other way round, and latency as it is', async t => {
  const [first, row] = summarize([bare, ours], [{ bare: result(1), ours: result(1, { cpuUsPerRequest: 200, p99Ms: 6 }) }])
  t.match(first, { cpuRatio: 1, p99Ratio: 1 })
  t.match(row, { cpuRatio: 0.5, p99Ratio: 1.5, cpuUsPerRequest: 200 })
})

t.test('memory is the most of any round', async t => {
  const [row] = summarize([bare], [{ bare: result(1, { rssBytes: 5 }) }, { bare: result(1, { rssBytes: 7 }) }, { bare: result(1, { rssBytes: 6 }) }])
  t.equal(row?.rssBytes, 7)
})

t.test('what a system does not tell is null, on either side of a comparison, and never a number', async t => {
  const unknown = { cpuUsPerRequest: null, rssBytes: null }
  t.match(summarize([bare, ours], [{ bare: result(1), ours: result(1, unknown) }])[1], { cpuUsPerRequest: null, cpuRatio: null, rssBytes: null })
  t.match(summarize([bare, ours], [{ bare: result(1, unknown), ours: result(1) }])[1], { cpuUsPerRequest: 100, cpuRatio: null, rssBytes: 100 })
})

t.test('a row keeps who it is of: name, group, note and sizes', async t => {
  const sizes = { upstreamBytes: 3, cookieBytes: 2, setCookieBytes: 1 }
  const [row] = summarize([{ ...bare, note: 'a note', sizes }], [{ bare: result(1) }])
  t.match(row, { ...bare, note: 'a note', ...sizes })
  t.match(summarize([bare], [{ bare: result(1) }])[0], { note: null })
})
