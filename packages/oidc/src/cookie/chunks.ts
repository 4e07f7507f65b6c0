/** Browsers allow 4,096 bytes for a cookie's name and value, some for its attributes too. */
const MAX_COOKIE_BYTES = 4093
const ATTRIBUTE_BYTES = 160
const MAX_CHUNKS = 20
const MAX_TRIES = 4
const MARK_LENGTH = 6

const HEAD = /^(\d{1,2})\.([A-Za-z0-9_-]{6})\./

/** One cookie of a handle. */
export interface Chunk {
  /** Behind the session cookie's name: empty, `_1`, `_2`, … */
  readonly suffix: string
  readonly value: string
}

/** How much of a handle one cookie carries. */
function capacity (name: string, domain: string | undefined, path: string): number {
  return MAX_COOKIE_BYTES - ATTRIBUTE_BYTES - name.length - 3 - (domain?.length ?? 0) - path.length
}

/**
 * Cuts a handle into cookies. A handle that fits into one is its value; of several, each carries how many there
 * are and a mark of the handle, so that those of two handles cannot be taken for one.
 */
export function splitHandle (handle: string, cookie: { readonly name: string, readonly domain: string | undefined, readonly path: string }): Chunk[] | null {
  const room = capacity(cookie.name, cookie.domain, cookie.path)
  if (handle.length <= room) return [{ suffix: '', value: handle }]
  const size = room - MARK_LENGTH - 4
  const count = Math.ceil(handle.length / size)
  if (count > MAX_CHUNKS) return null
  const mark = handle.slice(-MARK_LENGTH)
  return Array.from({ length: count }, (_, index) => ({ suffix: index === 0 ? '' : `_${index}`, value: `${count}.${mark}.${handle.slice(index * size, (index + 1) * size)}` }))
}

function chunkIndex (name: string, base: string): number {
  if (name.length === base.length) return 0
  const digits = /^_(\d{1,2})$/.exec(name.slice(base.length))?.[1]
  return digits === undefined ? -1 : Number(digits)
}

/** The handles that cookies may carry, in the order to try them; an incomplete one is none. */
export function joinHandles (cookies: ReadonlyArray<{ readonly name: string, readonly value: string }>, base: string): string[] {
  const handles: string[] = []
  const parts = new Map<string, Map<number, string>>()
  for (const { name, value } of cookies) {
    const index = chunkIndex(name, base)
    if (index < 0 || index >= MAX_CHUNKS) continue
    const head = HEAD.exec(value)
    if (head === null) {
      if (index === 0 && value !== '' && handles.length < MAX_TRIES) handles.push(value)
      continue
    }
    const set = `${head[1]}.${head[2]}`
    const chunks = parts.get(set) ?? new Map<number, string>()
    if (!chunks.has(index)) chunks.set(index, value.slice(head[0].length))
    if (parts.size < MAX_TRIES || parts.has(set)) parts.set(set, chunks)
  }
  for (const [set, chunks] of parts) {
    const count = Number.parseInt(set, 10)
    const ordered = Array.from({ length: count }, (_, index) => chunks.get(index))
    if (handles.length < MAX_TRIES && count > 1 && ordered.every(chunk => chunk !== undefined)) handles.push(ordered.join(''))
  }
  return handles
}

/** Bytes that a handle takes in a Cookie header. */
export function headerBytes (name: string, chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { suffix, value }) => sum + name.length + suffix.length + value.length + 3, 0)
}
