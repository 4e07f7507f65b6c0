/**
 * Bytes one behind the other, in memory of their own: a slice of the pool that small buffers come from, or of what a
 * connection has read, would keep all of that for as long as it is kept itself.
 */
export function keepBytes (...parts: readonly Buffer[]): Buffer {
  const kept = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  for (const part of parts) end += part.copy(kept, end)
  return kept
}
