import net from 'node:net'

/** What came of one exchange, on both sides of the proxy. Headers are `name: value` lines, sorted, names in lower case. */
export interface Outcome {
  readonly status: number
  readonly reason: string
  readonly headers: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
  /** Whether the client can tell that the answer is whole. */
  readonly complete: boolean
  /** Answers before the answer: status and header lines. */
  readonly hints: readonly string[]
  /** What the upstream was sent: request lines, sorted header lines, bodies. */
  readonly targets: readonly string[]
  readonly sent: readonly string[]
  readonly bodies: readonly string[]
}

/** A message as it was read from a socket. */
export interface Message {
  readonly start: string
  readonly lines: readonly string[]
}

/** Of each answer another, or of this connection alone. */
const OF_THE_MOMENT = /^(?:date: \w{3}, |keep-alive: |x-forwarded-for: |x-real-ip: |x-forwarded-port: )/

export function parseHead (text: string): Message {
  const [start = '', ...lines] = text.split('\r\n')
  return { start, lines }
}

/** Header lines that can be compared. */
export function comparable (lines: readonly string[]): string[] {
  const lower = lines.map(line => line.replace(/^[^:]*/, name => name.toLowerCase()))
  return lower.filter(line => !OF_THE_MOMENT.test(line)).sort((a, b) => a.split(':', 1).join().localeCompare(b.split(':', 1).join()))
}

export function valueOf (lines: readonly string[], name: string): string | null {
  const found = lines.find(line => line.toLowerCase().startsWith(`${name}:`))
  return found === undefined ? null : found.slice(name.length + 1).trim()
}

interface Body {
  readonly body: string
  readonly trailers: readonly string[]
  readonly complete: boolean
}

/** Reads chunks; `complete` once the last was there. */
export function dechunk (text: string): Body {
  let body = ''
  let at = 0
  for (;;) {
    const end = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, end === -1 ? text.length : end), 16)
    if (end === -1 || Number.isNaN(size)) return { body, trailers: [], complete: false }
    if (size === 0) {
      const rest = text.slice(end + 2)
      const trailers = rest.split('\r\n').filter(line => line !== '')
      return { body, trailers: comparable(trailers), complete: rest.endsWith('\r\n') }
    }
    body += text.slice(end + 2, end + 2 + size)
    at = end + 2 + size + 2
  }
}

function readBody (text: string, lines: readonly string[], bodiless: boolean): Body {
  if (bodiless) return { body: text, trailers: [], complete: text === '' }
  if (valueOf(lines, 'transfer-encoding') !== null) return dechunk(text)
  const length = valueOf(lines, 'content-length')
  return { body: text, trailers: [], complete: length === null || Number(length) === text.length }
}

type Answer = Pick<Outcome, 'status' | 'reason' | 'headers' | 'body' | 'trailers' | 'complete' | 'hints'>

function readAnswer (received: string, method: string): Answer {
  const hints: string[] = []
  let text = received
  for (;;) {
    const end = text.indexOf('\r\n\r\n')
    const { start, lines } = parseHead(text.slice(0, end === -1 ? 0 : end))
    const status = Number(start.split(' ')[1] ?? 0)
    text = text.slice(end + 4)
    if (status >= 100 && status < 200) {
      hints.push([status, ...comparable(lines)].join(' '))
      continue
    }
    const body = readBody(text, lines, method === 'HEAD' || status === 204 || status === 304)
    return { status, reason: start.split(' ').slice(2).join(' '), headers: comparable(lines), hints, ...body }
  }
}

/** Sends bytes and reads until the other side closes, whatever way. */
export async function talk (port: number, request: string): Promise<Answer> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write(Buffer.from(request, 'latin1'))
  const parts: Buffer[] = []
  await new Promise<void>(resolve => {
    socket.on('data', (part: Buffer) => { parts.push(part) })
    socket.on('error', () => {}).once('close', () => { resolve() })
  })
  return readAnswer(Buffer.concat(parts).toString('latin1'), request.split(' ', 1).join())
}
