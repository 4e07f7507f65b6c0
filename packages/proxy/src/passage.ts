import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { FastifyOidc } from 'fastify-oidc'
import { errors } from 'undici'
import { breakOff, kUpstream, type ProxiedRequest } from './exchange.ts'
import { abandon, fail, logFailure } from './failure.ts'
import { http2RecordOf } from './http2-record.ts'
import type { Traveller } from './lanes.ts'
import { groupRepeated, mergeOwn } from './own-headers.ts'
import type { Patience, Waiting } from './patience.ts'
import type { AnswerHead, ResponseHeaders } from './response-headers.ts'
import { hasSession, isEventStream, logCut } from './session-end.ts'
import { linksOf, textOf, trailersOf } from './wire.ts'

const kPassage: unique symbol = Symbol('fastify-oidc-proxy.passage')

type Raw = ServerResponse & Partial<Pick<Http2ServerResponse, 'stream'>> & { [kPassage]?: Passage }

/** What all passages of a proxy share. */
export interface PassageRoom {
  readonly core: FastifyOidc
  readonly responseHeaders: ResponseHeaders
  readonly patience: Patience
}

function onDrain (this: Raw): void {
  this[kPassage]?.resume()
}

function onClose (this: Raw): void {
  this[kPassage]?.leave()
}

function openIfIdle (passage: Passage): void {
  passage.open()
}

function hasNoBody (method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/** Answers before the answer: an upstream may say that it still works, and no more than that. */
const MAX_INFORMED = 1000
/** Hints that are passed on. Each is sent at once, whether the client reads or not. */
const MAX_HINTS = 16

/** A status of a final answer (RFC 9110, section 15). */
function isFinal (status: number): boolean {
  return status >= 200 && status < 600
}

/** One answer on its way from undici to the client. Its methods are undici's names for what happens. */
export class Passage implements Traveller, Waiting {
  readonly #room: PassageRoom
  readonly #request: ProxiedRequest
  readonly #reply: FastifyReply
  readonly #raw: Raw
  #abort: ((reason?: Error) => void) | null = null
  #resume: (() => void) | null = null
  #status = 0
  #list: string[] = []
  /** Bytes that are still to come; null when the end is not known. */
  #left: number | null = null
  /** The head is held back until the body begins, so that an upstream that fails before is a 502. */
  #isSent = false
  #isOver = false
  seat: number | null = null
  /** Whole ticks that the upstream may be silent now; 0: for ever. */
  #patience = 0
  /** Ticks since it gave a sign of life. */
  #silence = 0
  /** The client does not read as fast as the upstream sends. */
  #isHeld = false
  #listensForDrain = false
  #informed = 0
  #hinted = 0

  constructor (room: PassageRoom, request: ProxiedRequest, reply: FastifyReply) {
    this.#room = room
    this.#request = request
    this.#reply = reply
    this.#raw = reply.raw as Raw
    this.#raw[kPassage] = this
    this.#raw.on('close', onClose)
  }

  get isOver (): boolean {
    return this.#isOver
  }

  onConnect (abort: (reason?: Error) => void): void {
    if (this.#isOver) return abort(new errors.RequestAbortedError())
    this.#abort = abort
    this.#await(this.#room.patience.headersTicks)
  }

  /** An upload that goes on is a sign of life: the upstream takes it. */
  onBodySent (): void {
    this.#silence = 0
  }

  onHeaders (status: number, received: Buffer[], resume: () => void): boolean {
    if (status < 200) {
      this.#silence = 0
      this.#inform(status, received)
      return true
    }
    // A time-out of Fastify's, or somebody's own code, may have answered meanwhile.
    if (this.#isOver || this.#reply.sent || this.#raw.headersSent) {
      this.#stop()
      return true
    }
    if (!isFinal(status)) throw new errors.ResponseError('no status of HTTP', status, {})
    this.#resume = resume
    this.#await(this.#room.patience.bodyTicks)
    this.#take(status, this.#room.responseHeaders(textOf(received), this.#request))
    return true
  }

  onData (chunk: Buffer): boolean {
    const raw = this.#raw
    this.#silence = 0
    if (!this.#isSent) this.#send()
    if (this.#left !== null) {
      this.#left -= chunk.length
      if (this.#left === 0) {
        raw.end(chunk)
        return true
      }
    }
    if (raw.write(chunk)) return true
    if (!this.#listensForDrain) {
      this.#listensForDrain = true
      raw.on('drain', onDrain)
    }
    this.#isHeld = true
    return false
  }

  onComplete (received: unknown): void {
    if (this.#isOver) return
    if (this.#raw.writableEnded) return this.#finish()
    const trailers = received as Buffer[] | null
    const passed = trailers !== null && trailers.length > 0 && this.#request.raw.headers.te?.includes('trailers') === true ? trailersOf(trailers) : null
    if (!this.#isSent) {
      if (this.#left === null && passed === null) this.#list.push('content-length', '0')
      // What it throws comes back through onError.
      this.#send()
    }
    this.#finish()
    if (passed !== null) this.#raw.addTrailers(passed)
    this.#raw.end()
  }

  onError (cause: Error): void {
    if (this.#isOver) return
    this.#finish()
    if (!this.#isSent) {
      fail(this.#reply, this.#request[kUpstream], cause)
    } else if (!this.#raw.writableEnded) {
      logFailure(this.#request.log, this.#request[kUpstream], cause)
      breakOff(this.#raw)
    }
  }

  resume (): void {
    this.#isHeld = false
    this.#silence = 0
    this.#resume?.()
  }

  onTick (): void {
    if (this.#isOver || this.#isHeld || this.#waitsForClient()) {
      this.#silence = 0
    } else if (++this.#silence > this.#patience) {
      this.#await(0)
      this.#abort?.(this.#resume === null ? new errors.HeadersTimeoutError() : new errors.BodyTimeoutError())
    }
  }

  /** The client is gone, or has everything. */
  leave (): void {
    if (this.#isOver) return
    if (!this.#isSent && !this.#reply.sent) abandon(this.#reply, this.#request[kUpstream])
    this.#stop()
  }

  /** Sends the head, if no part of the body has gone with it. */
  open (): void {
    if (this.#isSent || this.#isOver || this.#raw.destroyed) return
    try {
      this.#send()
      this.#raw.flushHeaders()
    } catch (error) {
      this.#abort?.(error as Error)
    }
  }

  #await (ticks: number): void {
    this.#patience = ticks
    this.#silence = 0
    if (ticks > 0) this.#room.patience.begin(this)
    else this.#room.patience.end(this)
  }

  /** An upload of which there is nothing more to pass on yet: how long its client may be silent is for the server to say. */
  #waitsForClient (): boolean {
    const { body } = this.#request
    return this.#resume === null && body instanceof Readable && !body.readableEnded && body.readableLength === 0
  }

  #finish (): void {
    this.#isOver = true
    this.#room.patience.end(this)
  }

  #stop (): void {
    this.#finish()
    this.#abort?.(new errors.RequestAbortedError())
  }

  #take (status: number, { list, length, contentType }: AnswerHead): void {
    mergeOwn(list, this.#reply)
    this.#status = status
    this.#list = list
    // Last: Node garbles a Content-Disposition behind it.
    if (length !== null && status !== 204) list.push('content-length', length)
    if (hasNoBody(this.#request.raw.method as string, status)) {
      this.#send()
      this.#finish()
      this.#raw.end()
    } else if (length === null) {
      this.#beOpenEnded(contentType)
    } else {
      this.#left = Number(length)
    }
  }

  #send (): void {
    const raw = this.#raw
    const list = this.#list
    const { httpVersionMajor, complete } = this.#request.raw
    // The rest of an upload would be taken for the next request of the connection.
    if (httpVersionMajor === 1 && !complete) list.push('connection', 'close')
    try {
      raw.writeHead(this.#status, httpVersionMajor === 2 ? http2RecordOf(list) : groupRepeated(list))
    } catch (error) {
      // What could not be sent stays on the response, where no other answer could be sent either.
      for (const name of raw.getHeaderNames()) raw.removeHeader(name)
      throw error
    }
    this.#reply.hijack()
    this.#isSent = true
  }

  /** An answer that can go on for as long as it likes: a client that waits for an event must see the headers before, and it ends with its session. */
  #beOpenEnded (contentType: string | null): void {
    if (isEventStream(contentType)) this.open()
    else setImmediate(openIfIdle, this)
    if (!hasSession(this.#request.oidc)) return
    this.#raw.once('close', this.#room.core.onSessionEnd(this.#request, () => { this.#cut(isEventStream(contentType)) }))
  }

  #cut (cleanly: boolean): void {
    if (this.#isOver) return
    logCut(this.#request.log)
    this.#stop()
    if (cleanly) this.#raw.end()
    else breakOff(this.#raw)
  }

  /** Tells what comes before the answer (RFC 9110, section 15.2), to who can read it. */
  #inform (status: number, received: Buffer[]): void {
    if (++this.#informed > MAX_INFORMED) throw new errors.ResponseError('no end of interim answers', status, {})
    if (this.#hinted === MAX_HINTS || this.#isOver || this.#raw.headersSent || this.#request.raw.httpVersion === '1.0') return
    const link = status === 103 ? linksOf(textOf(received)) : null
    if (link === null) return
    this.#hinted++
    try {
      this.#raw.writeEarlyHints({ link })
    } catch (error) {
      // Node's rules for links have changed before: a hint is no reason to lose the answer.
      this.#request.log.debug({ oidc: 'proxy.hint.dropped', err: error }, 'a hint of the upstream cannot be passed on')
    }
  }
}
