import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { clientIsGone, kReply } from './exchange.ts'
import { abandon, fail } from './failure.ts'
import type { Answered, Transport, UpstreamRequest } from './transport.ts'

/** The listener on a reply's stream: what the upstream is still doing is for nobody. */
function emitAbort (this: ServerResponse & Partial<Pick<Http2ServerResponse, 'stream'>>): void {
  const finished = this.stream === undefined ? this.writableFinished : !this.stream.aborted
  if (!finished) this.emit('abort')
}

/** Sends requests upstream. It stands where @fastify/reply-from takes an undici dispatcher. */
export class Upstream {
  readonly #transport: Transport

  constructor (transport: Transport) {
    this.#transport = transport
  }

  /** Answers through the callback; failures are answered to the client here, where their cause is still known. */
  request (request: UpstreamRequest, answered: Answered): void {
    const reply = request.headers[kReply]
    if (reply === undefined) throw new TypeError('a request without a reply')
    if (clientIsGone(reply)) return abandon(reply, request.origin)
    reply.raw.once('close', emitAbort)
    request.signal = reply.raw
    this.#transport.send(request, (error, answer) => {
      if (error === null) answered(null, answer)
      else fail(reply, request.origin, error)
    })
  }

  async destroy (): Promise<void> {
    await this.#transport.destroy()
  }
}
