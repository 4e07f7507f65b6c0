export interface BenchOptions {
  readonly help: boolean
  readonly quick: boolean
  readonly rounds: number
  readonly duration: number
  readonly warmUp: number
  readonly connections: number
  readonly sessions: number
  readonly load: 'wrk' | 'autocannon' | null
  readonly reference: boolean
  readonly output: string
  readonly wanted: (name: string) => boolean
}

export const HELP: string
export function readOptions (args: readonly string[], names: readonly string[]): BenchOptions
