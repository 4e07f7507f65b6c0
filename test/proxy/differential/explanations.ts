import type { Exchange } from './corpus.ts'
import type { Outcome } from './outcome.ts'

type Field = keyof Outcome

/** How the two forwarders differ, and why that is meant. */
interface Explanation {
  readonly why: string
  readonly fields: readonly Field[]
  holds (exchange: Exchange, own: Outcome, stock: Outcome): boolean
}

const ANSWER: readonly Field[] = ['status', 'reason', 'headers', 'body']
const REFUSAL: readonly Field[] = [...ANSWER, 'targets', 'sent', 'bodies']

function same (one: readonly string[], other: readonly string[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function less (lines: readonly string[], ...gone: readonly string[]): readonly string[] {
  return lines.filter(line => !gone.includes(line))
}

function isFraming (line: string): boolean {
  return /^(?:content-length|transfer-encoding):/.test(line)
}

export const EXPLANATIONS: readonly Explanation[] = [
  {
    why: 'trailers go to clients that say TE: trailers; the stock forwarder drops them',
    fields: ['trailers'],
    holds: ({ lines }, own, stock) => lines.some(line => line.startsWith('TE:')) && own.trailers.length > 0 && stock.trailers.length === 0
  },
  {
    why: 'an empty body with trailers stays in chunks, for their sake',
    fields: ['headers', 'trailers'],
    holds: (_exchange, own, stock) => own.trailers.length > 0 && stock.headers.includes('content-length: 0') && own.headers.includes('transfer-encoding: chunked')
  },
  {
    why: 'the links of a 103 are passed on; the stock forwarder drops informational answers',
    fields: ['hints'],
    holds: (_exchange, own, stock) => own.hints.length > 0 && own.hints.every(hint => /^103 link: <[^\n]*$/.test(hint)) && stock.hints.length === 0
  },
  {
    why: 'Vary is that of the hooks and that of the upstream; the stock forwarder loses that of the hooks, and caches mix up origins',
    fields: ['headers'],
    holds: (_exchange, own, stock) => own.headers.includes('vary: Accept-Encoding, Origin') && same(less(own.headers, 'vary: Accept-Encoding, Origin'), less(stock.headers, 'vary: Accept-Encoding'))
  },
  {
    why: 'a hook has no say in the framing of somebody else\'s body; the stock forwarder sends a length and chunks at once',
    fields: ['headers'],
    holds: ({ lines }, own, stock) => lines.includes('X-Hook: framing') && stock.headers.filter(isFraming).length === 2 && own.headers.filter(isFraming).length === 1 &&
      same(own.headers.filter(line => !isFraming(line)), stock.headers.filter(line => !isFraming(line)))
  },
  {
    why: 'Fastify takes the type off its own 204; that of an upstream is its own affair',
    fields: ['headers'],
    holds: (_exchange, own, stock) => own.status === 204 && same(less(own.headers, 'content-type: text/html'), stock.headers)
  },
  {
    why: 'a 304 may tell the length that a 200 would have (RFC 9110, section 8.6); undici holds it against the body, and the stock forwarder answers 500',
    fields: ANSWER,
    holds: (_exchange, own, stock) => own.status === 304 && own.headers.includes('content-length: 5') && stock.status === 500
  },
  {
    why: 'an empty body for HTTP/1.0, which has no chunks, is told by its length',
    fields: ['headers'],
    holds: ({ version }, own, stock) => version === '1.0' && same(less(own.headers, 'content-length: 0'), stock.headers)
  },
  {
    why: 'an upstream that dies before the first byte of the body is a 502; the stock forwarder answers 500 and tells the cause',
    fields: ANSWER,
    holds: (_exchange, own, stock) => own.status === 502 && stock.status === 500 && /UND_ERR_SOCKET|ECONNRESET/.test(stock.body) && !/UND_ERR|ECONNRESET/.test(own.body)
  },
  {
    why: 'paths go on as they came; the stock forwarder writes them anew, and makes a slash of a backslash behind the router\'s back',
    fields: ['targets'],
    holds: ({ target }, own, stock) => same(own.targets, [`GET ${target} HTTP/1.1`]) && /["<>`{}\\]/.test(target) && stock.targets.length === 1
  },
  {
    why: 'a target that is no path (a fragment, an asterisk) is refused; the stock forwarder makes one of it',
    fields: REFUSAL,
    holds: ({ target }, own, stock) => (target.includes('#') || target === '*') && own.status === 400 && own.targets.length === 0 && stock.targets.length === 1
  }
]

/** The fields that may differ in this exchange. */
export function explain (exchange: Exchange, own: Outcome, stock: Outcome, differing: readonly Field[]): readonly Field[] {
  const found = EXPLANATIONS.find(({ fields, holds }) => same(fields, differing) && holds(exchange, own, stock))
  if (found === undefined) return []
  used.add(found.why)
  return found.fields
}

const used = new Set<string>()

/** Explanations that no exchange has needed. */
export function unused (): string[] {
  return EXPLANATIONS.map(({ why }) => why).filter(why => !used.has(why))
}
