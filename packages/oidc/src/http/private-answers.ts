import type { FastifyReply, onSendHookHandler } from 'fastify'

/** Keeps answers that carry a cookie of one caller out of shared caches. */
export interface PrivateAnswers {
  mark (reply: FastifyReply): void
  /** The `onSend` hook: a handler speaks after the guard, and may have called its answer public. */
  readonly seal: onSendHookHandler
}

const PRIVATE = 'private, no-cache'
/** Whole answers: `private="x"` speaks of one header. */
const IS_PRIVATE = /(?:^|,)\s*(?:private|no-store)\s*(?:,|$)/i
/** RFC 9213, and an older name for it: for shared caches alone. */
const FOR_SHARED_CACHES = ['cdn-cache-control', 'surrogate-control']

export function createPrivateAnswers (): PrivateAnswers {
  const marked = new WeakSet<FastifyReply>()
  return {
    mark (reply) {
      marked.add(reply)
      if (!reply.hasHeader('cache-control')) reply.header('cache-control', PRIVATE)
    },
    // Known by this name to the proxy, whose answers it need not see.
    seal: function sealPrivateAnswer (_request, reply, _payload, done) {
      if (marked.has(reply)) {
        if (!IS_PRIVATE.test(String(reply.getHeader('cache-control')))) reply.header('cache-control', PRIVATE)
        for (const name of FOR_SHARED_CACHES) reply.removeHeader(name)
      }
      done()
    }
  }
}
