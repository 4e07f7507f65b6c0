import { BearerExpiredError, BearerInvalidError } from '../errors.ts'
import { inOneLine } from '../provider/fault.ts'

/** Why a token that holds is refused all the same. */
class UnmetClaims extends Error {}

const because = <T extends Error>(error: T, reason: string): T => Object.assign(error, { cause: new Error(inOneLine(reason)) })

/** A token that is not good, by a reason for the log: in one line, and never said to the caller. */
export function invalidToken (reason: string): Error {
  return because(new BearerInvalidError(), reason)
}

/** A token that was good. */
export function expiredToken (reason: string): Error {
  return because(new BearerExpiredError(), reason)
}

/** A token that holds, and does not say what `claim_schema` asks for. */
export function unmetToken (reason: string): Error {
  return Object.assign(new BearerInvalidError(), { cause: new UnmetClaims(inOneLine(reason)) })
}

/** Is it the caller who does not do, and not the token? */
export function isUnmet ({ cause }: Error): boolean {
  return cause instanceof UnmetClaims
}
