import { pipeline, Transform, type TransformCallback } from 'node:stream'
import type { preParsingHookHandler } from 'fastify'
import { BodyTooLargeError } from './errors.ts'

/** Counts what goes through, for bodies that do not say how long they are. */
class Limiter extends Transform {
  #left: number

  constructor (maxBytes: number) {
    super()
    this.#left = maxBytes
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#left -= chunk.length
    if (this.#left < 0) done(new BodyTooLargeError())
    else done(null, chunk)
  }
}

function nothing (): void {}

/** The hook that holds request bodies to a number of bytes, declared or streamed. */
export function createBodyLimit (maxBytes: number): preParsingHookHandler {
  return (request, _reply, payload, done) => {
    const declared = request.headers['content-length']
    if (declared !== undefined) return done(Number(declared) > maxBytes ? new BodyTooLargeError() : null, payload)
    const limiter = new Limiter(maxBytes)
    // The limiter's own consumer hears of every failure.
    pipeline(payload, limiter, nothing)
    done(null, limiter)
  }
}
