import type { UpstreamNode } from '../configuration/upstream.ts'

/**
 * Takes nodes in turn, each as often as its weight says and spread out evenly (smooth weighted round robin):
 * with weights 2 and 1 the order is a, b, a and not a, a, b.
 */
export function createBalancer (nodes: readonly UpstreamNode[]): () => string {
  const turns = nodes.filter(({ weight }) => weight > 0).map(node => ({ ...node, current: 0 }))
  const total = turns.reduce((sum, { weight }) => sum + weight, 0)
  return () => {
    let chosen = turns[0]
    for (const turn of turns) {
      turn.current += turn.weight
      if (chosen === undefined || turn.current > chosen.current) chosen = turn
    }
    if (chosen === undefined) throw new RangeError('no node has a weight')
    chosen.current -= total
    return chosen.origin
  }
}
