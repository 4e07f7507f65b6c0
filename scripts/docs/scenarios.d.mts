export interface Count {
  readonly tested: number[]
  readonly explained: number[]
  readonly missing: number[]
  readonly unknown: number[]
}
export interface Named {
  readonly tested: number
  readonly missing: string[]
}
export function readNumbers (text: string, letter?: string): number[]
export function readTexts (source: string, letter?: string): Set<number>
export function readNames (source: string): Set<string>
export function readExplained (markdown: string, list?: { readonly letter: string, readonly heading: string }): Set<number>
export function readScenarios (root: string): Count
export function readProxyScenarios (root: string): Count
export function readAdvisories (root: string): { readonly advisories: Named, readonly requirements: Named }
export function writeNumbers (numbers: readonly number[], letter?: string): string
