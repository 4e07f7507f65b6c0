import type { FastifyRequest } from 'fastify'
import { parsePattern } from '../options/path-pattern.ts'

interface ProgramOptions {
  readonly api_routes?: readonly string[]
  readonly force_json_errors: boolean
}

/** Longer addresses are looked at as far as this. */
const MAX_ADDRESS_LENGTH = 2048

const everything = (): boolean => true
const nothing = (): boolean => false

/** Requests that no person looks at, whatever they say, by `api_routes` and `force_json_errors`: they are sent to no login and get no page. */
export function createProgramRequests ({ api_routes: written = [], force_json_errors: forced }: ProgramOptions): (request: FastifyRequest) => boolean {
  if (forced) return everything
  const patterns = written.map(source => parsePattern(source, { ignoresCase: false })).flatMap(parsed => parsed.kind === 'pattern' ? [parsed.pattern] : [])
  if (patterns.length === 0) return nothing
  return request => {
    const address = request.originalUrl.slice(0, MAX_ADDRESS_LENGTH)
    return patterns.some(pattern => pattern.matches(address))
  }
}
