import { LoginRefusedError, AccessDeniedError, TokenInvalidError } from '../errors.ts'

/** OpenID Connect Core 1.0, section 3.1.2.6: there is no login at the provider any more, or not one that does. */
const OVER = new Set(['login_required', 'interaction_required', 'consent_required', 'account_selection_required', 'access_denied'])
const FORBIDDEN = 403

/**
 * Does the answer to a silent login end the session? When the provider, or the application, has said no, or the
 * token is a lie. Anything else says nothing about the user, and may be over soon.
 */
export function endsSession (error: unknown, parameters: URLSearchParams): boolean {
  if (OVER.has(parameters.get('error') ?? '') || error instanceof TokenInvalidError) return true
  return (error instanceof LoginRefusedError || error instanceof AccessDeniedError) && error.statusCode === FORBIDDEN
}
