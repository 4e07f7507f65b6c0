import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { measureRefusals, sendLogoutToken } from '../support/nodes/backchannel.ts'
import { BOTH, startNodes, type Nodes, type Visitor } from '../support/nodes/nodes.ts'
import { openStreams } from '../support/nodes/streams.ts'

const LIFETIME = 4
const BRIEF = { session: { storage: 'redis', cookie: { lifetime: LIFETIME } } }
const BRIEF_COOKIE = { session: { coordination: 'redis', cookie: { lifetime: LIFETIME } } }

/** Opens streams at the second node, ends their session somehow, and says when they ended: milliseconds after that. */
async function endStreams (t: Test, { all: [first, second], login }: Nodes, core: string, end: (visitor: Visitor) => Promise<unknown>): Promise<void> {
  const visitor = await login(first, core)
  const streams = await openStreams(second, core, visitor.cookie)
  t.ok(streams.isOpen(), `${core}: both are open`)
  await end(visitor)
  const overAtMs = performance.now()
  const { code, socketAtMs, eventsAtMs } = await streams.ended
  t.equal(code, 1008, `${core}: the socket learns why`)
  const lastMs = Math.max(socketAtMs, eventsAtMs) - overAtMs
  t.comment(`${core}: the last of both ended ${Math.round(lastMs)} ms after the answer`)
  t.ok(lastMs < 1000, `${core}: both end within a second`)
}

t.test('a logout at one of four gateways', async t => {
  const nodes = await startNodes(t, { accessTokenLife: 300, timeout: 10, cores: { ...BOTH, brief: BRIEF, briefcookie: BRIEF_COOKIE } })
  const [first, second] = nodes.all
  const cores = Object.keys(BOTH)

  await t.test('by the provider holds on the others: at once with sessions in Redis, within a second with cookies', async t => {
    await measureRefusals(t, nodes, 'redis', { count: 3, graceMs: 0 })
    await measureRefusals(t, nodes, 'cookie', { count: 3, graceMs: 1000 })
  })

  await t.test('by the user ends a WebSocket and an event stream at another', async t => {
    for (const core of cores) await endStreams(t, nodes, core, async ({ cookie }) => { t.equal((await first.ask(`/${core}/logout`, cookie)).status, 302) })
  })

  await t.test('by the provider ends them too', async t => {
    for (const core of cores) await endStreams(t, nodes, core, async ({ sid }) => await sendLogoutToken(first, core, await nodes.provider.logoutToken(sid)))
  })

  await t.test('and so does the code of a service that is none of the gateways', async t => {
    const origin = await nodes.startService()
    for (const core of cores) {
      await endStreams(t, nodes, core, async ({ sid }) => {
        const answer = await fetch(`${origin}/${core}/revoke/${sid}`, { method: 'POST' })
        t.strictSame(await answer.json(), { ended: core === 'redis' ? 1 : null })
      })
    }
  })

  await t.test('and the session\'s own end; with sessions in Redis it comes later where the session was used elsewhere', async t => {
    const used = await nodes.login(first, 'brief')
    const unused = await nodes.login(first, 'briefcookie')
    const knownEndMs = performance.now() + (LIFETIME + 1) * 1000
    const [kept, left] = [await openStreams(second, 'brief', used.cookie), await openStreams(second, 'briefcookie', unused.cookie)]
    let lastUse = { sentAtMs: 0, answeredAtMs: 0 }
    const uses: number[] = []
    while (performance.now() < knownEndMs) {
      await sleep(200)
      const answer = await first.ask('/brief/', used.cookie)
      uses.push(answer.status)
      if (answer.setCookies.length > 0) lastUse = answer
    }
    t.strictSame(new Set(uses), new Set([200]))
    t.ok(kept.isOpen(), 'the streams of a session that is used at another node go on')
    await left.ended
    const { code, socketAtMs, eventsAtMs } = await kept.ended
    t.equal(code, 1008)
    const afterMs = Math.max(socketAtMs, eventsAtMs) - lastUse.answeredAtMs
    t.comment(`the streams ended ${Math.round(afterMs)} ms after the session was last used, of a lifetime of ${LIFETIME} s`)
    t.ok(Math.min(socketAtMs, eventsAtMs) - lastUse.sentAtMs > (LIFETIME - 1) * 1000, 'not before its end, which counts whole seconds')
    t.ok(afterMs < (LIFETIME + 1) * 1000, 'and within a second after it')
  })
})
