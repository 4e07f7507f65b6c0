import { BearerExpiredError, BearerInvalidError } from '../errors.ts'
import { inOneLine } from '../provider/fault.ts'

const because = <T extends Error>(error: T, reason: string): T => Object.assign(error, { cause: new Error(inOneLine(reason)) })

/** A token that is not good, by a reason for the log: in one line, and never said to the caller. */
export function invalidToken (reason: string): Error {
  return because(new BearerInvalidError(), reason)
}

/** A token that was good. */
export function expiredToken (reason: string): Error {
  return because(new BearerExpiredError(), reason)
}
