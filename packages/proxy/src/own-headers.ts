import type { FastifyReply } from 'fastify'

/** What the body of the upstream decides alone. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'trailer', 'transfer-encoding'])

function find (list: readonly string[], name: string): number {
  for (let index = 0; index < list.length; index += 2) {
    const other = list[index] as string
    if (other.length === name.length && other.toLowerCase() === name) return index
  }
  return -1
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
