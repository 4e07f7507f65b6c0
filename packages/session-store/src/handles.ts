import { createHash, randomBytes } from 'node:crypto'

const HANDLE_BYTES = 32
const HANDLE_LENGTH = 43
// 32 bytes in base64url, in its one canonical spelling: the last character has two bits to spare.
const HANDLE = /^[\w-]{42}[AEIMQUYcgkosw048]$/

/** A new handle for a session on the server: 32 random bytes in base64url, 43 characters. */
export function createHandle (): string {
  return randomBytes(HANDLE_BYTES).toString('base64url')
}

/** Whether a text is written as `createHandle` writes them. What is not need not be looked up. */
export function isHandle (text: string): boolean {
  return text.length === HANDLE_LENGTH && HANDLE.test(text)
}

/** Names the session of a handle without telling the handle: its SHA-256 in base64url. */
export function nameOfHandle (handle: string): string {
  return createHash('sha256').update(handle).digest('base64url')
}
