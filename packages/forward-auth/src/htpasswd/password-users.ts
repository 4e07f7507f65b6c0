import { createHmac, randomBytes } from 'node:crypto'
import { createFlights, createGuessBrake, type LocalIdentity, type NameAndPassword } from 'fastify-oidc'
import { createPasswordCheck } from './password-check.ts'
import { isName, type PasswordEntries, type PasswordEntry } from './password-file.ts'
import { tooManyGuesses } from './too-many-guesses.ts'

/** Users of a password file. */
export interface PasswordUsers {
  /**
   * Who is it? null: nobody. The same object for the same credential, for a while.
   * @throws FST_OIDC_FORWARD_AUTH_GUESSES_TOO_MANY
   */
  verify (credential: NameAndPassword, address: string): Promise<LocalIdentity | null>
  /** Does the file say so still? */
  isCurrent (user: string, stamp: string): boolean
}

export interface PasswordUsersRoom {
  /** The file as it is now. */
  entries (): PasswordEntries
  readonly groups: readonly string[]
  nowMs (): number
}

const LIMITS = { pair: 10, address: 30, site: 300, name: 100 }
const MAX_PASSWORD_BYTES = 1024
/** A password that was right is not checked again: bcrypt at each request would be a burden, and an invitation. */
const REMEMBER_MS = 60_000
const MAX_REMEMBERED = 1000

interface Remembered { readonly identity: LocalIdentity, readonly untilMs: number }

function isPassword (password: string): boolean {
  return password !== '' && Buffer.byteLength(password) <= MAX_PASSWORD_BYTES && !password.includes('\0')
}

export function createPasswordUsers ({ entries, groups, nowMs }: PasswordUsersRoom): PasswordUsers {
  const key = randomBytes(32)
  const brake = createGuessBrake({ limits: LIMITS, nowMs, tooMany: tooManyGuesses })
  const check = createPasswordCheck()
  const remembered = new Map<string, Remembered>()
  const flights = createFlights<LocalIdentity | null>()

  const digest = (text: string): Buffer => createHmac('sha256', key).update(text).digest()
  const isCurrent = (user: string, stamp: string): boolean => entries().get(user)?.stamp === stamp

  /** Somebody else's, always the same for the same name: an unknown name takes as long as a known one, whatever hashes are in the file. */
  function decoyOf (name: string): PasswordEntry | null {
    const all = [...entries().values()]
    return all[digest(name).readUInt32BE() % Math.max(1, all.length)] ?? null
  }

  function remember (secret: string, identity: LocalIdentity): void {
    if (remembered.size >= MAX_REMEMBERED) remembered.delete(remembered.keys().next().value ?? '')
    remembered.set(secret, { identity, untilMs: nowMs() + REMEMBER_MS })
  }

  async function guess (secret: string, { name, password }: NameAndPassword, address: string): Promise<LocalIdentity | null> {
    const taken = brake.take(address, name)
    const entry = entries().get(name)
    const compared = entry ?? decoyOf(name)
    const matches = compared !== null && await check(password, compared).catch((error: unknown) => {
      taken.unjudged()
      throw error
    })
    if (!matches || entry === undefined || !isCurrent(name, entry.stamp)) {
      taken.wrong()
      return null
    }
    taken.right()
    const identity = { user: name, groups, stamp: entry.stamp }
    remember(secret, identity)
    return identity
  }

  return {
    isCurrent,
    async verify (credential, address) {
      const { name, password } = credential
      if (!isName(name) || !isPassword(password)) return null
      // With the address: elsewhere a password that was right here is a guess like any other, and counted.
      const secret = digest(JSON.stringify([name, password, address])).toString('base64')
      const known = remembered.get(secret)
      if (known !== undefined && known.untilMs > nowMs() && !brake.isHeld(address, name) && isCurrent(name, known.identity.stamp)) return known.identity
      return await flights.share(secret, async () => await guess(secret, credential, address))
    }
  }
}
