export function readNumbers (text: string): number[]
export function readTexts (source: string): Set<number>
export function readExplained (markdown: string): Set<number>
export function readScenarios (root: string): {
  readonly tested: number[]
  readonly explained: number[]
  readonly missing: number[]
  readonly unknown: number[]
}
export function writeNumbers (numbers: readonly number[]): string
