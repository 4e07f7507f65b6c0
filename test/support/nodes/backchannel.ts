import type { Test } from 'tap'
import { request } from 'undici'
import type { Answer, Node, Nodes } from './nodes.ts'

export interface Refusals {
  /** Logouts, each of a session of its own. */
  readonly count: number
  /** Requests that are sent so long after the answer to the logout token have to be refused, in milliseconds. */
  readonly graceMs: number
}

const GIVE_UP_MS = 60_000

/** Sends a logout token as a provider does; answers when the 200 came. */
export async function sendLogoutToken ({ origin }: Node, core: string, token: string): Promise<number> {
  const { statusCode, body } = await request(`${origin}/${core}/backchannel`, {
    method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ logout_token: token }).toString()
  })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`the logout token was answered ${statusCode}: ${text}`)
  return performance.now()
}

/** Asks again and again until it is refused. */
async function untilRefused (node: Node, core: string, cookie: string): Promise<Answer[]> {
  const answers: Answer[] = []
  const endMs = performance.now() + GIVE_UP_MS
  for (;;) {
    const answer = await node.ask(`/${core}/`, cookie)
    answers.push(answer)
    if (answer.status !== 200 || answer.answeredAtMs > endMs) return answers
  }
}

/** Logs sessions out at the first node by the provider's word, while they are used at all others. */
export async function measureRefusals (t: Test, { all, provider, login }: Nodes, core: string, { count, graceMs }: Refusals): Promise<void> {
  const [first, ...others] = all
  let worstMs = 0
  let worstAfterMs = -Infinity
  let accepted = 0
  let strange = 0
  for (let turn = 0; turn < count; turn++) {
    const { cookie, sid } = await login(first, core)
    const token = await provider.logoutToken(sid)
    await Promise.all(others.map(async node => await node.ask(`/${core}/`, cookie)))
    const sentAtMs = performance.now()
    const watching = others.map(async node => await untilRefused(node, core, cookie))
    const doneAtMs = await sendLogoutToken(first, core, token)
    for (const answers of await Promise.all(watching)) {
      const refused = answers.at(-1)
      if (refused?.status !== 401) strange++
      worstMs = Math.max(worstMs, (refused?.answeredAtMs ?? Infinity) - sentAtMs)
      for (const { status, sentAtMs: askedAtMs } of answers) {
        if (status !== 200) continue
        worstAfterMs = Math.max(worstAfterMs, askedAtMs - doneAtMs)
        if (askedAtMs > doneAtMs + graceMs) accepted++
      }
    }
  }
  t.comment(`${core}: from logout token to refusal on three other nodes, worst of ${count}: ${Math.round(worstMs)} ms; the last request that was served was sent ${Math.round(worstAfterMs)} ms after the token's 200`)
  t.equal(accepted, 0, `requests served that were sent more than ${graceMs} ms after the logout`)
  t.equal(strange, 0, 'the others are refused with 401')
}
