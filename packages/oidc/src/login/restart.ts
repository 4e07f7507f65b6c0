/** What to do with an answer to an attempt that nobody remembers. */
export type Restart =
  | { readonly kind: 'home' }
  | { readonly kind: 'again', readonly attempt: number }
  | { readonly kind: 'give up' }

const MAX_RESTARTS = 3

/** Which attempt in a row a state belongs to. Anybody can write it: it only ever ends a loop. */
function attemptOf (state: string): number {
  const digits = /\.(\d)$/.exec(state)?.[1]
  return digits === undefined ? 0 : Number(digits)
}

/** `/` where the browser is logged in already, else a new attempt, a few times in a row. */
export function decideRestart (state: string, hasSession: boolean): Restart {
  if (hasSession) return { kind: 'home' }
  const attempt = attemptOf(state) + 1
  return attempt > MAX_RESTARTS ? { kind: 'give up' } : { kind: 'again', attempt }
}
