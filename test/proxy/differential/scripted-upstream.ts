import net from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { listen, type Teardown } from '../parts.ts'
import { comparable, dechunk, parseHead, valueOf, type Outcome } from './outcome.ts'

/** What an upstream does once it has a request: these pieces, then this. */
export interface Script {
  readonly pieces: readonly string[]
  readonly then: 'keep' | 'end' | 'reset'
}

/** What it was sent. */
export type Seen = Pick<Outcome, 'targets' | 'sent' | 'bodies'>

export interface ScriptedUpstream {
  readonly url: string
  seen (exchange: string): Seen
}

/** Which exchange a request belongs to, and to which forwarder. */
export const MARK = 'x-exchange'

interface Received {
  readonly target: string
  readonly lines: readonly string[]
  readonly body: string
}

/** The first request of this text, if it is whole. */
function readRequest (text: string): Received | null {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return null
  const { start, lines } = parseHead(text.slice(0, end))
  const rest = text.slice(end + 4)
  if (valueOf(lines, 'transfer-encoding') !== null) {
    const { body, complete } = dechunk(rest)
    return complete ? { target: start, lines, body } : null
  }
  const length = Number(valueOf(lines, 'content-length') ?? 0)
  return rest.length < length ? null : { target: start, lines, body: rest }
}

async function play (socket: net.Socket, { pieces, then }: Script): Promise<void> {
  for (const piece of pieces) {
    socket.write(Buffer.from(piece, 'latin1'))
    await turn()
  }
  if (then === 'end') socket.end()
  if (then === 'reset') socket.resetAndDestroy()
}

/** An upstream that speaks by script, byte for byte. */
export async function startScripted (t: Teardown, scriptOf: (exchange: string) => Script): Promise<ScriptedUpstream> {
  const received = new Map<string, Received[]>()
  const port = await listen(t, net.createServer(socket => {
    let text = ''
    socket.on('data', (part: Buffer) => {
      text += part.toString('latin1')
      const request = readRequest(text)
      if (request === null) return
      text = ''
      const mark = valueOf(request.lines, MARK) ?? ''
      received.set(mark, [...received.get(mark) ?? [], request])
      void play(socket, scriptOf(mark))
    })
  }))
  return {
    url: `http://127.0.0.1:${port}`,
    seen (exchange) {
      const requests = received.get(exchange) ?? []
      return {
        targets: requests.map(({ target }) => target),
        sent: requests.flatMap(({ lines }) => comparable(lines.filter(line => !line.toLowerCase().startsWith(MARK)))),
        bodies: requests.map(({ body }) => body)
      }
    }
  }
}
