import { STATUS_CODES } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { renderErrorPage, type ErrorFacts, type RenderError } from './error-page.ts'
import { isNavigation } from './navigation.ts'
import type { PageAnswer } from './page.ts'
import { sameOriginPath } from './return-to.ts'

/** An error as anybody may read it. */
export interface ShownError {
  readonly status: number
  readonly code: string
  /** A sentence without its full stop. */
  readonly message: string
}

/** Where a person may go from there. */
interface Ways {
  readonly tryAgain: string | null
  readonly returnTo: string
}

/** A request id may be the caller's own header. */
const MAX_REQUEST_ID = 128

/** What was asked for, where it can be asked for again by a link. */
export function repeatable (request: FastifyRequest): string | null {
  return request.method === 'GET' ? sameOriginPath(request.originalUrl, 'http://localhost') : null
}

/** A person looks at it. `curl` does not say so, and gets JSON. */
export function wantsPage (request: FastifyRequest): boolean {
  return isNavigation(request) && request.headers.accept?.includes('text/html') === true
}

/** The request's id as an answer may carry it; an application may have made it a number. */
export const shownId = (request: FastifyRequest): string => String(request.id).slice(0, MAX_REQUEST_ID)

export function describeError (request: FastifyRequest, { status, code, message }: ShownError, ways: Ways): ErrorFacts {
  return { status, title: STATUS_CODES[status] ?? 'Error', message: `${message}.`, code, requestId: shownId(request), ...ways }
}

/** The page that tells of an error of the server's own, for who looks at one; null: the request is a program's. What failed for a reason of ours can be tried again. */
export function errorPageFor (request: FastifyRequest, error: ShownError, render: RenderError = facts => renderErrorPage(facts)): PageAnswer | null {
  if (!wantsPage(request)) return null
  const own = repeatable(request)
  return render(describeError(request, error, { tryAgain: error.status >= 500 ? own : null, returnTo: own ?? '/' }))
}
