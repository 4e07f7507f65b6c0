export interface SoakOptions {
  readonly help: boolean
  readonly minutes: number
  readonly sessions: number
  readonly connections: number
  readonly changes: number
  readonly tokenLife: number
  readonly every: number
}

export const HELP: string
export function readSoakOptions (args: readonly string[]): SoakOptions
