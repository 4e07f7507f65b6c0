import type { FastifyReply } from 'fastify'

/** What the body of the upstream decides alone. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'trailer', 'transfer-encoding'])

/** Where a header of this lower-case name stands; -1 is nowhere. */
function find (list: readonly string[], name: string): number {
  for (let index = 0; index < list.length; index += 2) {
    const other = list[index] as string
    if (other.length === name.length && other.toLowerCase() === name) return index
  }
  return -1
}

function isSame (one: string, other: string): boolean {
  return one.length === other.length && (one === other || one.toLowerCase() === other.toLowerCase())
}

/** The first header with the name of a later one. */
function findEarlier (list: ReadonlyArray<string | string[]>, later: number): number {
  for (let index = 0; index < later; index += 2) {
    if (isSame(list[index] as string, list[later] as string)) return index
  }
  return -1
}

/** Makes, in place, one entry of those that share a name: of several Node keeps the last, where anybody has ever set a header on the raw response. */
export function groupRepeated (list: Array<string | string[]>): Array<string | string[]> {
  for (let index = 2; index < list.length;) {
    const earlier = findEarlier(list, index)
    if (earlier === -1) {
      index += 2
    } else {
      list[earlier + 1] = [list[earlier + 1] as string | string[], list[index + 1] as string].flat()
      list.splice(index, 2)
    }
  }
  return list
}

function varyAlso (list: string[], at: number, own: string): void {
  const said = (list[at + 1] as string).split(',').map(name => name.trim().toLowerCase())
  const more = own.split(',').map(name => name.trim()).filter(name => name !== '' && !said.includes(name.toLowerCase()))
  if (more.length > 0 && !said.includes('*')) list[at + 1] = [list[at + 1], ...more].join(', ')
}

function add (list: string[], name: string, values: ReadonlyArray<string | number>): void {
  const at = find(list, name)
  if (name === 'set-cookie') list.unshift(...values.flatMap(value => [name, String(value)]))
  else if (at === -1) for (const value of values) list.push(name, String(value))
  else if (name === 'vary') varyAlso(list, at, values.join(', '))
}

/**
 * Puts what hooks and plugins have set on the reply beside the upstream's headers. Cookies come first, `Vary` is one of
 * both; else the upstream's header stands, as it does where @fastify/reply-from copies it onto the reply.
 */
export function mergeOwn (list: string[], reply: FastifyReply): void {
  const own = reply.getHeaders()
  for (const name in own) {
    const values = own[name]
    if (values !== undefined && !FRAMING.has(name)) add(list, name, [values].flat())
  }
}
