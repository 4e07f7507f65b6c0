export interface SoakSample {
  readonly second: number
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
  readonly sockets: number
}

export interface Soaked {
  readonly samples: readonly SoakSample[]
  readonly counts: {
    readonly requests: number
    readonly logins: number
    /** Requests of sessions that were ended, refused as they must be. */
    readonly refused: number
    readonly renewals: Readonly<Record<string, number>>
    readonly logouts: Readonly<Record<string, number>>
  }
  readonly kinds: readonly string[]
  readonly faults: readonly string[]
  readonly logged: readonly string[]
  readonly serverErrors: number
  /** As `monitorEventLoopDelay` tells them, its own period counted in. */
  readonly delayP99Ms: number
  readonly delayMaxMs: number
  /** Cores that the gateway used, 1 at most. */
  readonly saturation: number
}

export interface Finding {
  readonly name: string
  readonly ok: boolean
  readonly text: string
}

export const BOUNDS: Readonly<Record<'rssPerMinute' | 'rssBetweenThirds' | 'heapPerMinute' | 'heapBetweenThirds' | 'socketsBetweenThirds' | 'lateP99Ms' | 'lateMaxMs' | 'saturation', number>>
export function slopeOf (points: ReadonlyArray<readonly [number, number]>): { readonly slope: number, readonly error: number }
export function judge (soaked: Soaked): Finding[]
export const DELAY_RESOLUTION_MS: number
export function serverErrorsIn (metrics: string): number
