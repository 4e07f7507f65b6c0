import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type Http2ServerRequest } from 'node:http2'
import type { Socket } from 'node:net'

/** Notices bodies that do not come. */
export interface UploadWatch {
  /** For every request that is about to be read. */
  begin (request: IncomingMessage, response: ServerResponse): void
  close (): void
}

export interface UploadWatchOptions {
  /** How long nothing may come while it is waited for. */
  readonly idleMs: number
  /** Ends a connection of HTTP/1.1 that says nothing any more: with 408 where an answer can begin. */
  readonly onIdle: (socket: Socket, canAnswer: boolean) => void
}

/** Of the limit: for so long somebody who was answered may go on with a body that nobody reads, as the answer may not have been seen yet. */
const LINGERING_SHARE = 0.5
const CHECKS_IN_LIMIT = 4
const LONGEST_CHECK_MS = 5000
const REQUEST_TIMEOUT = 408

interface Upload {
  readonly response: ServerResponse
  readonly socket: Socket
  bytes: number
  /** Checks in a row that found nothing new. */
  quiet: number
  /** Checks since it was answered. */
  lingering: number
}

/** It is read more slowly than it comes: that is not the sender's fault. */
const isFull = (source: { readonly readableLength: number, readonly readableHighWaterMark: number }): boolean => source.readableLength >= source.readableHighWaterMark

function announcesBody ({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** An answer that waits for an earlier one on the connection has no socket yet: what is written then goes into that one (RFC 9112, section 9.3.2). */
const canAnswer = ({ headersSent, socket }: ServerResponse): boolean => !headersSent && socket !== null

function watchStream ({ stream }: Http2ServerRequest, idleMs: number): void {
  const arm = (): void => { stream.setTimeout(idleMs, look) }
  function look (): void {
    if (stream.destroyed || stream.state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE) return
    if (isFull(stream)) return arm()
    // Not ended: closing it then is an abort to whoever reads, and no end of the body.
    if (!stream.headersSent) stream.respond({ ':status': REQUEST_TIMEOUT })
    stream.close(constants.NGHTTP2_NO_ERROR)
  }
  arm()
}

/** Looks at all bodies that are under way in one go, so that a request costs no timer, and a process that was held up counts no check that it missed. */
export function createUploadWatch ({ idleMs, onIdle }: UploadWatchOptions): UploadWatch {
  const checkMs = Math.min(idleMs / CHECKS_IN_LIMIT, LONGEST_CHECK_MS)
  const mostQuiet = Math.ceil(idleMs / checkMs)
  const mostLingering = Math.ceil(mostQuiet * LINGERING_SHARE)
  const uploads = new Map<IncomingMessage, Upload>()
  let timer: NodeJS.Timeout | null = null

  function isOverdue (request: IncomingMessage, upload: Upload): boolean {
    const { response, socket } = upload
    const isAnswered = response.writableFinished
    const hasMoved = socket.bytesRead !== upload.bytes || (!isAnswered && isFull(request))
    upload.bytes = socket.bytesRead
    upload.quiet = hasMoved ? 0 : upload.quiet + 1
    if (isAnswered) upload.lingering++
    return upload.quiet > mostQuiet || upload.lingering > mostLingering
  }

  function check (): void {
    for (const [request, upload] of uploads) {
      const { socket, response } = upload
      const isOver = request.complete || socket.destroyed
      if (!isOver && !isOverdue(request, upload)) continue
      uploads.delete(request)
      if (!isOver) onIdle(socket, canAnswer(response))
    }
  }

  return {
    begin (request, response) {
      if (request.httpVersionMajor === 2) {
        const asked = request as unknown as Http2ServerRequest
        if (!asked.stream.endAfterHeaders) watchStream(asked, idleMs)
      } else if (announcesBody(request)) {
        const { socket } = request
        uploads.set(request, { response, socket, bytes: socket.bytesRead, quiet: 0, lingering: 0 })
        request.once('close', () => { if (request.complete) uploads.delete(request) })
        timer ??= setInterval(check, checkMs).unref()
      }
    },
    close () {
      if (timer !== null) clearInterval(timer)
      uploads.clear()
    }
  }
}
