import t from 'tap'
import { judge, serverErrorsIn, slopeOf, type Soaked, type SoakSample } from '../../bench/soak/judge.mjs'
import { readSoakOptions } from '../../bench/soak/options.mjs'
import { ask, startGateway, startUpstream } from '../gateway/parts.ts'

const MB = 2 ** 20
const KINDS = ['cookie', 'redis']

/** Ten minutes, a sample every 15 seconds. */
function samplesOf (change: (second: number) => Partial<SoakSample> = () => ({})): SoakSample[] {
  return Array.from({ length: 40 }, (_, index) => {
    const second = (index + 1) * 15
    const noise = (index % 3 - 1) * MB
    return { second, rss: 140 * MB + noise, heapUsed: 34 * MB + noise / 8, external: 5 * MB, sockets: 60 + index % 4, ...change(second) }
  })
}

const SOUND: Soaked = {
  samples: samplesOf(),
  counts: { requests: 1, logins: 1, refused: 1, renewals: { cookie: 1, redis: 1 }, logouts: { cookie: 1, redis: 1 } },
  kinds: KINDS,
  faults: [],
  logged: [],
  serverErrors: 0,
  delayP99Ms: 24.3,
  delayMaxMs: 67,
  saturation: 0.97
}

const failing = (soaked: Partial<Soaked>): string[] => judge({ ...SOUND, ...soaked }).filter(({ ok }) => !ok).map(({ name }) => name)

t.test('a sound soak passes, whatever was filled in its first third', async t => {
  t.same(failing({}), [])
  t.same(failing({ samples: samplesOf(second => second < 200 ? { rss: (60 + second / 3) * MB, heapUsed: second / 10 * MB } : {}) }), [])
})

t.test('what grows by the minute is found, in the heap long before in the RSS', async t => {
  t.same(failing({ samples: samplesOf(second => ({ rss: (140 + second / 60 * 2) * MB })) }), ['RSS'])
  t.same(failing({ samples: samplesOf(second => ({ heapUsed: (34 + second / 60 * 0.5) * MB })) }), ['heap and buffers'])
  t.same(failing({ samples: samplesOf(second => ({ external: (5 + second / 60 * 0.5) * MB })) }), ['heap and buffers'])
})

t.test('a step late in the run is found, and so are connections that stay', async t => {
  t.same(failing({ samples: samplesOf(second => second > 400 ? { rss: 147 * MB } : {}) }), ['RSS'])
  t.same(failing({ samples: samplesOf(second => ({ sockets: 60 + Math.floor(second / 20) })) }), ['connections'])
})

t.test('a run of two samples says nothing', async t => {
  t.same(failing({ samples: samplesOf().slice(0, 2) }), ['RSS', 'heap and buffers'])
})

t.test('a soak without renewals, logouts or refusals of one kind has shown nothing', async t => {
  const { counts } = SOUND
  t.same(failing({ counts: { ...counts, renewals: { cookie: 9 } } }), ['work'])
  t.same(failing({ counts: { ...counts, logouts: { redis: 9 } } }), ['work'])
  t.same(failing({ counts: { ...counts, refused: 0 } }), ['work'])
})

t.test('a wrong answer, an error in the log, a 5xx, a slow event loop and an idle gateway each fail it', async t => {
  t.same(failing({ faults: ['redis: 401 for somebody who is logged in'] }), ['wrong answers'])
  t.same(failing({ logged: ['boom'] }), ['errors in the log'])
  t.same(failing({ serverErrors: 1 }), ['answers with 5xx'])
  t.same(failing({ delayP99Ms: 30 }), ['event-loop delay'])
  t.same(failing({ saturation: 0.5 }), ['saturation'])
})

t.test('the slope is that of the line through the points, and as sure as they lie on it', async t => {
  t.same(slopeOf([[0, 1], [1, 3], [2, 5]]), { slope: 2, error: 0 })
  t.same(slopeOf([[1, 1], [1, 2]]), { slope: 0, error: 0 })
  const { slope, error } = slopeOf([[0, 0], [1, 2], [2, 0], [3, 2]])
  t.ok(Math.abs(slope - 0.4) < 1e-9 && Math.abs(error - Math.sqrt(3.2 / 2 / 5)) < 1e-9)
})

t.test('what goes up and down too much to tell fails a short run, and not a longer one', async t => {
  const noisy = (count: number): SoakSample[] => samplesOf().slice(0, count).map((sample, index) => ({ ...sample, external: (5 + index % 3) * MB }))
  const heapOf = (count: number) => judge({ ...SOUND, samples: noisy(count) }).find(({ name }) => name === 'heap and buffers')
  t.match(heapOf(10), { ok: false, text: /; slope -?[\d.]+ ± [\d.]+ MB a minute \(at most 0\.4: too noisy to tell: let it run longer\)$/ })
  t.match(heapOf(40), { ok: true, text: /MB a minute \(at most 0\.4\)$/ })
})

t.test('growth above the bound does not pass because of noise around it', async t => {
  const samples = samplesOf(second => ({ rss: (140 + second / 60 * 1.6 + second / 15 % 2 * 3) * MB }))
  const rss = judge({ ...SOUND, samples }).find(({ name }) => name === 'RSS')
  t.match(rss, { ok: false, text: /too noisy to tell/ })
  t.match(judge({ ...SOUND, samples: samplesOf(second => ({ rss: (140 + second / 60 * 2) * MB })) }).find(({ name }) => name === 'RSS'), { ok: false, text: /too steep/ })
})

t.test('a stop of seconds is found, though no percentile moves, and so is a delay that was not measured', async t => {
  const delayOf = (changes: Partial<Soaked>) => judge({ ...SOUND, ...changes }).find(({ name }) => name === 'event-loop delay')
  t.match(delayOf({}), { ok: true, text: 'p99 14.3 ms late (below 20), 57.0 at most (below 500); monitorEventLoopDelay says 24.3 and 67.0, 10 of which are its own period' })
  t.match(delayOf({ delayP99Ms: 29.9, delayMaxMs: 509.9 }), { ok: true })
  t.match(delayOf({ delayMaxMs: 510 }), { ok: false })
  t.match(delayOf({ delayMaxMs: 2000 }), { ok: false })
  for (const nothing of [0, NaN]) {
    t.match(delayOf({ delayP99Ms: nothing }), { ok: false, text: 'not measured' })
    t.match(delayOf({ delayMaxMs: nothing }), { ok: false, text: 'not measured' })
  }
})

t.test('answers with 5xx are counted by what counts them, and not taken for none where nothing does', async t => {
  const gateway = await startGateway(t, {
    metrics: { port: 0 },
    routes: [{ uri: '/up', upstream: await startUpstream(t) }, { uri: '/down', upstream: 'http://127.0.0.1:1' }]
  })
  await gateway.listen()
  const read = async (): Promise<string> => await (await fetch(gateway.metricsAddress() ?? '')).text()
  const before = await read()
  t.throws(() => serverErrorsIn(before), { message: /count no answers/ })
  t.equal((await ask(gateway, '/up')).status, 200)
  t.equal(serverErrorsIn(await read()), 0)
  for (let turn = 0; turn < 2; turn++) t.equal((await ask(gateway, '/down')).status, 502)
  t.equal(serverErrorsIn(await read()), 2)
  const measured = await read()
  t.throws(() => serverErrorsIn(measured.replaceAll('status="', 'code="')), { message: /count no answers/ })
})

t.test('options have defaults, and are numbers above 0', async t => {
  t.match(readSoakOptions([]), { minutes: 10, sessions: 400, connections: 32, changes: 2, tokenLife: 15, every: 15, help: false })
  t.match(readSoakOptions(['--', '--minutes', '2.5']), { minutes: 2.5 })
  t.throws(() => readSoakOptions(['--minutes', '0']), { message: '--minutes must be a number above 0' })
  t.throws(() => readSoakOptions(['--hours', '1']))
})
