import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { logged, tally, type Answer, type Node, type Nodes, type Visitor } from './nodes.ts'

export interface Kill {
  /** Who gets the locks, and dies. */
  readonly holder: Node
  readonly survivors: readonly Node[]
  /** Parallel requests for each survivor and session. */
  readonly requests: number
  /** Of a lock, in seconds. */
  readonly lease: number
}

/** The sessions of one core, whose tokens are dead. */
interface Sessions {
  readonly core: string
  /** The holder dies before the provider has seen its request. */
  readonly unasked: Visitor
  /** The provider has rotated its refresh token, and the holder dies with the answer. */
  readonly lost: Visitor
  /** The holder has nothing to do with it. */
  readonly other: Visitor
}

interface Outcome {
  readonly unasked: readonly Answer[]
  readonly lost: readonly Answer[]
  readonly other: readonly Answer[]
  /** From when the lock was held to the last answer. */
  readonly slowestMs: number
}

async function logIn ({ login }: Nodes, core: string, node: Node): Promise<Sessions> {
  return { core, unasked: await login(node, core), lost: await login(node, core), other: await login(node, core) }
}

async function hold ({ tokenGate, ask }: Node, { core, unasked, lost }: Sessions): Promise<number> {
  let held = tokenGate.hold('before')
  void ask(`/${core}/`, unasked.cookie)
  await held
  const heldAtMs = performance.now()
  held = tokenGate.hold('after')
  void ask(`/${core}/`, lost.cookie)
  await held
  return heldAtMs
}

async function askSurvivors ({ survivors, requests }: Kill, { core, unasked, lost, other }: Sessions, heldAtMs: number): Promise<Outcome> {
  const askAll = async ({ cookie }: Visitor): Promise<Answer[]> => (await Promise.all(survivors.map(async node => await Promise.all(Array.from({ length: requests }, async () => await node.ask(`/${core}/`, cookie)))))).flat()
  const [ofUnasked, ofLost, ofOther] = await Promise.all([askAll(unasked), askAll(lost), askAll(other)])
  return { unasked: ofUnasked, lost: ofLost, other: ofOther, slowestMs: Math.max(...ofUnasked.map(({ answeredAtMs }) => answeredAtMs)) - heldAtMs }
}

function judge (t: Test, core: string, { unasked, lost, other, slowestMs }: Outcome, { lease }: Kill): void {
  t.comment(`${core}: killed before its token request: ${tally(unasked)}, the last after ${Math.round(slowestMs)} ms of a lease of ${lease} s; killed after: ${tally(lost)}; others: ${tally(other)}`)
  t.ok(unasked.every(({ status, subject }) => status === 200 && subject === 'alice'), `${core}: killed before its token request left, nobody is logged out`)
  t.ok(slowestMs <= (lease + 1) * 1000, `${core}: within the lease and a second`)
  t.ok(lost.every(({ status }) => status === 401), `${core}: killed after it, that session logs in again`)
  t.ok(other.every(({ status }) => status === 200), `${core}: and no other`)
}

/** Kills a node while it holds the locks of renewals, and asks the others for the same sessions. */
export async function killHolder (t: Test, nodes: Nodes, cores: readonly string[], kill: Kill): Promise<void> {
  const { provider } = nodes
  const [survivor] = kill.survivors
  if (survivor === undefined) throw new Error('nobody survives')
  const all = await Promise.all(cores.map(async core => await logIn(nodes, core, survivor)))
  const endMs = Math.max(...cores.map(core => provider.given(core).endMs + 1000))
  await sleep(Math.max(0, endMs - Date.now()))
  const before = provider.refused()
  const outcomes: Array<Promise<Outcome>> = []
  for (const sessions of all) {
    const heldAtMs = await hold(kill.holder, sessions)
    outcomes.push(askSurvivors(kill, sessions, heldAtMs))
  }
  await kill.holder.kill()
  for (const [index, outcome] of (await Promise.all(outcomes)).entries()) judge(t, cores[index] ?? '', outcome, kill)
  t.equal(provider.refused() - before, cores.length, 'a refresh token that came twice: of each session that was lost, once')
  for (const { core } of all) {
    const again = await nodes.login(survivor, core)
    t.equal((await survivor.ask(`/${core}/`, again.cookie)).status, 200, `${core}: a new login lives`)
  }
  if (!t.passing()) for (const line of logged(kill.survivors)) t.comment(line)
}
