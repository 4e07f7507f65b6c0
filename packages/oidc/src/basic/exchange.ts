import { createHmac, randomBytes } from 'node:crypto'
import type { Clock, EpochSeconds } from 'fastify-oidc-session-store'
import { createVerificationCache } from '../bearer/verification-cache.ts'
import { CredentialsInvalidError, GuessesTooManyError, ProviderUnavailableError } from '../errors.ts'
import { createFlights } from '../flights.ts'
import type { ExchangedMethod } from '../policy/auth-methods.ts'
import type { CredentialGrant } from '../provider/credential-grant.ts'
import type { NameAndPassword } from '../session/local-users.ts'
import { isOfClient, isOfUser } from './credential.ts'
import { createGuessBrake } from './guess-brake.ts'

/** An access token for a credential: `fresh` ones the provider has given just now. */
export interface ExchangedToken {
  readonly token: string
  readonly origin: 'fresh' | 'kept'
}

/** Exchanges what `Authorization: Basic` brings for an access token. */
export interface CredentialExchange {
  /**
   * The access token; the methods are tried in this order, the one that knew the credential last before the others, and the first that knows it decides. A promise only where the provider is asked.
   * @throws FST_OIDC_CREDENTIALS_INVALID, FST_OIDC_GUESSES_TOO_MANY
   * @rejects the same, and what the provider's faults are called
   */
  tokenFor (methods: readonly ExchangedMethod[], credential: NameAndPassword, address: string): ExchangedToken | Promise<ExchangedToken>
  /** The token does no more. */
  forget (methods: readonly ExchangedMethod[], credential: NameAndPassword, token: string): void
  /** What it is exchanged for does not hold: for a while nobody asks again. */
  reject (methods: readonly ExchangedMethod[], credential: NameAndPassword, error: Error): void
}

export interface ExchangeRoom {
  /** @rejects what the provider's faults are called */
  grant (method: ExchangedMethod, credential: NameAndPassword): Promise<CredentialGrant>
  /** Seconds that a token is given up before it expires. */
  readonly leeway: number
  readonly clock: Clock
  nowMs (): number
}

const MAX_KEPT = 10_000
const MAX_REFUSED = 1000
const MAX_BYTES = 32 * 2 ** 20
const MAX_FLIGHTS = 1000
/** Seconds. So long a password that was changed, or a client that was shut out, is good here still. */
const MAX_LIFE = 300
/** Seconds. Long enough for who repeats himself, short enough for an account that is just being made. */
const REFUSED_LIFE = 5
/** Seconds after it was right: longer than a token, so that a client's secret is not tried as a user's password at each expiry. */
const WON_LIFE = 86_400
/** Programs of many names may come from one address. */
const LIMITS = { pair: 10, address: 100, site: 300, name: 100 }

/** What is known of a credential that does not do: nobody's, or somebody's whose token does not hold. */
type Rejection = { readonly kind: 'refused', readonly reason: string } | { readonly kind: 'faulty', readonly error: Error }

function credentialsInvalid (reason: string): Error {
  return Object.assign(new CredentialsInvalidError(), { cause: new Error(reason) })
}

const tooManyGuesses = (seconds: number): Error => Object.assign(new GuessesTooManyError(), { retryAfter: seconds })

const BELONGS: Readonly<Record<ExchangedMethod, (credential: NameAndPassword) => boolean>> = { password: isOfUser, client_credentials: isOfClient }

/** One way to exchange one credential. */
interface Candidate {
  readonly method: ExchangedMethod
  readonly key: string
}

export function createCredentialExchange ({ grant, leeway, clock, nowMs }: ExchangeRoom): CredentialExchange {
  // Of the process, and never seen: who can look into the memory or time an answer learns nothing of what was hashed.
  const secret = randomBytes(32)
  const brake = createGuessBrake({ limits: LIMITS, nowMs, tooMany: tooManyGuesses })
  const kept = createVerificationCache<ExchangedToken>({ maxEntries: MAX_KEPT, maxBytes: MAX_BYTES })
  const won = createVerificationCache<true>({ maxEntries: MAX_KEPT, maxBytes: MAX_BYTES })
  const rejected = createVerificationCache<Rejection>({ maxEntries: MAX_REFUSED, maxBytes: MAX_BYTES })
  const flights = createFlights<CredentialGrant>({ most: MAX_FLIGHTS, full: () => new ProviderUnavailableError() })

  function candidatesOf (methods: readonly ExchangedMethod[], credential: NameAndPassword): Candidate[] {
    return methods.filter(method => BELONGS[method](credential)).map(method => ({
      method,
      key: createHmac('sha256', secret).update(JSON.stringify([method, credential.name, credential.password])).digest('base64url')
    }))
  }

  function tokenAmong (candidates: readonly Candidate[], now: EpochSeconds): ExchangedToken | null {
    for (const { key } of candidates) {
      const token = kept.get(key, now)
      if (token !== undefined) return token
    }
    return null
  }

  /** What is remembered against it; null: nothing, or not of all. */
  function rejectionOf (candidates: readonly Candidate[], now: EpochSeconds): Error | null {
    const known = candidates.map(({ key }) => rejected.get(key, now))
    for (const rejection of known) if (rejection?.kind === 'faulty') return rejection.error
    const last = known.at(-1)
    return last?.kind === 'refused' && known.every(rejection => rejection !== undefined) ? credentialsInvalid(`${last.reason} (remembered)`) : null
  }

  async function ask ({ method, key }: Candidate, credential: NameAndPassword): Promise<CredentialGrant> {
    const granted = await grant(method, credential)
    const now = clock()
    if (granted.kind === 'granted') {
      kept.set(key, { token: granted.accessToken, origin: 'kept' }, Math.min(granted.expiresAt - leeway, now + MAX_LIFE), key.length + granted.accessToken.length)
      won.set(key, true, now + WON_LIFE, key.length)
    } else {
      rejected.set(key, granted, now + REFUSED_LIFE, key.length + granted.reason.length)
      won.delete(key)
    }
    return granted
  }

  /** What knew it last goes first. */
  function inOrder (candidates: readonly Candidate[]): readonly Candidate[] {
    const winner = candidates.find(({ key }) => won.get(key, clock()) === true)
    return winner === undefined ? candidates : [winner, ...candidates.filter(candidate => candidate !== winner)]
  }

  async function exchange (candidates: readonly Candidate[], credential: NameAndPassword): Promise<ExchangedToken | null> {
    for (const candidate of inOrder(candidates)) {
      if (rejected.get(candidate.key, clock())?.kind === 'refused') continue
      const granted = await flights.share(candidate.key, async () => await ask(candidate, credential))
      if (granted.kind === 'granted') return { token: granted.accessToken, origin: 'fresh' }
    }
    return null
  }

  /** The guess is counted until it turns out to be right, or nobody's to judge. */
  async function guess (candidates: readonly Candidate[], credential: NameAndPassword, address: string): Promise<ExchangedToken> {
    const taken = brake.take(address, credential.name)
    const token = tokenAmong(candidates, clock()) ?? await exchange(candidates, credential).catch((error: unknown) => {
      taken.unjudged()
      throw error
    })
    if (token === null) {
      taken.wrong()
      throw credentialsInvalid('the provider does not know the credential')
    }
    taken.right()
    return token
  }

  async function join (candidates: readonly Candidate[], credential: NameAndPassword, address: string): Promise<ExchangedToken> {
    brake.check(address, credential.name)
    const token = await exchange(candidates, credential)
    if (token === null) throw credentialsInvalid('the provider does not know the credential')
    return token
  }

  return {
    tokenFor (methods, credential, address) {
      const { name } = credential
      const now = clock()
      const candidates = candidatesOf(methods, credential)
      if (candidates.length === 0) throw credentialsInvalid('nobody can have it: too long, empty, or with characters that none has')
      const known = brake.isKnown(address, name) && !brake.isHeld(address, name) ? tokenAmong(candidates, now) : null
      if (known !== null) return known
      const rejection = rejectionOf(candidates, now)
      if (rejection !== null) {
        // Others may have tried it: who may guess no more learns nothing of that.
        brake.check(address, name)
        throw rejection
      }
      return candidates.some(({ key }) => flights.get(key) !== undefined) ? join(candidates, credential, address) : guess(candidates, credential, address)
    },
    forget (methods, credential, token) {
      for (const { key } of candidatesOf(methods, credential)) if (kept.get(key, clock())?.token === token) kept.delete(key)
    },
    reject (methods, credential, error) {
      for (const { key } of candidatesOf(methods, credential)) {
        kept.delete(key)
        rejected.set(key, { kind: 'faulty', error }, clock() + REFUSED_LIFE, key.length)
      }
    }
  }
}
