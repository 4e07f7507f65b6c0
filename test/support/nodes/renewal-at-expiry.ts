import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { logged, tally, type Answer, type Node, type Nodes, type Visitor } from './nodes.ts'

/** How many, and how often. */
export interface Load {
  readonly rounds: number
  /** Parallel requests for each node and round. */
  readonly requests: number
}

/** Where a round begins, in milliseconds from the token's end: when it is dead, and so that some come before and some after. */
const OFFSETS_MS = [0, -30, -150, 40]
/** Late tabs have the cookie of one of so many rounds before: an older one is answered for a minute after the newer was seen, and rounds may be long. */
const LATE_ROUNDS = 2

const isCleared = ({ setCookies }: Answer): boolean => setCookies.some(line => /max-age=0|expires=thu, 01 jan 1970/i.test(line))

/** Sends all of one round at once; one in ten comes from a tab that has slept. */
async function fire ({ all }: Nodes, core: string, cookies: readonly string[], { requests }: Load): Promise<Answer[]> {
  const [newest = '', ...older] = cookies.slice(-1 - LATE_ROUNDS).reverse()
  const cookieOf = (turn: number): string => turn % 10 === 9 ? older[Math.floor(turn / 10) % older.length] ?? newest : newest
  return (await Promise.all(all.map(async node => await Promise.all(Array.from({ length: requests }, async (_, turn) => await node.ask(`/${core}/`, cookieOf(turn))))))).flat()
}

/** Renews a session again and again, each time by what many ask of all nodes at the moment of its token's end. */
export async function renewAtExpiry (t: Test, nodes: Nodes, core: string, load: Load): Promise<void> {
  const { provider, login, cookieAfter, all: [first] } = nodes
  const visitor: Visitor = await login(first, core)
  const cookies = [visitor.cookie]
  const answers: Answer[] = []
  let longestMs = 0
  const round = async (): Promise<Answer[]> => {
    const startedMs = performance.now()
    const answered = await fire(nodes, core, cookies, load)
    longestMs = Math.max(longestMs, performance.now() - startedMs)
    // A round that takes longer than a token lives would be one of two refreshes.
    provider.liveAtLeast(Math.ceil(longestMs * 3 / 1000) + 2)
    const told = answered.find(({ setCookies }) => setCookies.length > 0)
    if (told !== undefined) cookies.push(cookieAfter(first, cookies.at(-1) ?? '', told.setCookies))
    return answered
  }
  // Opens the connections, and tells how long a round takes here.
  await round()
  const before = provider.given(core).refreshes
  const refreshes = (): number => provider.given(core).refreshes - before
  const refused = provider.refused()
  longestMs = 0
  for (let number = 1; number <= load.rounds; number++) {
    await sleep(Math.max(0, provider.given(core).endMs + (OFFSETS_MS[number % OFFSETS_MS.length] ?? 0) - Date.now()))
    answers.push(...await round())
    t.equal(refreshes(), number, `round ${number}: one refresh`)
  }
  t.comment(`${core}: ${load.rounds} rounds of 4 × ${load.requests} requests: ${refreshes()} refreshes, answers ${tally(answers)}; longest round ${Math.round(longestMs)} ms`)
  t.equal(answers.length, load.rounds * load.requests * 4)
  t.equal(answers.filter(({ status }) => status !== 200).length, 0, 'answers other than 200')
  t.ok(answers.every(({ subject, sid }) => subject === visitor.subject && sid === visitor.sid), 'each is for who asked')
  t.equal(answers.filter(isCleared).length, 0, 'logouts')
  t.equal(provider.refused(), refused, 'refresh tokens that came twice')
  t.strictSame(await Promise.all(nodes.all.map(async (node: Node) => (await node.ask(`/${core}/`, cookies.at(-1) ?? '')).status)), [200, 200, 200, 200], 'the session lives on every node')
  if (!t.passing()) for (const line of logged(nodes.all)) t.comment(line)
}
