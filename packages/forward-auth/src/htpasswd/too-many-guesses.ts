import { GuessesTooManyError } from '../errors.ts'

/** `seconds`: when it is worth another try. */
export function tooManyGuesses (seconds: number): Error {
  return Object.assign(new GuessesTooManyError(), { retryAfter: seconds })
}
