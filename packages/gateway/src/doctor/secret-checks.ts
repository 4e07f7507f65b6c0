import { ok, warn, type Finding } from './finding.ts'
import type { Patient } from './patient.ts'

const GOOD_LENGTH = 32
const FEW_CHARACTERS = 8
const SHORT_CLIENT_SECRET = 16

function weaknessOf (secret: string): string | null {
  if (secret.length < GOOD_LENGTH) return `has ${secret.length} characters`
  return new Set(secret).size < FEW_CHARACTERS ? 'repeats a few characters' : null
}

const MAKE = 'make one with: openssl rand -base64 32'

/** Secrets by their length: what they are is never shown. */
export function checkSecrets ({ options: { session, client_secret: clientSecret, bearer_only: bearerOnly } }: Patient): Finding[] {
  const named = bearerOnly || session === undefined
    ? []
    : [['session.secret', session.secret] as const, ...session.secret_fallbacks.map((secret, index) => [`session.secret_fallbacks[${index}]`, secret] as const)]
  const weak = named.flatMap(([name, secret]) => {
    const weakness = weaknessOf(secret)
    return weakness === null ? [] : [warn('secrets', `${name} ${weakness}`, MAKE)]
  })
  const short = clientSecret !== undefined && clientSecret.length < SHORT_CLIENT_SECRET
    ? [warn('secrets', `client_secret is so short (${clientSecret.length}) that it can be guessed`, 'have a longer one made at the provider')]
    : []
  const all = [...weak, ...short]
  return all.length === 0 && (named.length > 0 || clientSecret !== undefined) ? [ok('secrets', 'long enough')] : all
}

const SECRET_NAMES = /secret|password|private_key|passphrase|token$|authorization$/

function collect (value: unknown, name: string, found: Set<string>): void {
  if (typeof value === 'string') {
    if (SECRET_NAMES.test(name) && value.length >= 4) found.add(value)
    if (name === 'url' && URL.canParse(value)) collect(decodeURIComponent(new URL(value).password), 'password', found)
    return
  }
  if (value === null || typeof value !== 'object') return
  for (const [key, member] of Object.entries(value)) collect(member, Array.isArray(value) ? name : key, found)
}

/** Takes the secrets of these out of a text that others had a hand in. */
export function createRedaction (patients: readonly Patient[]): (text: string) => string {
  const found = new Set<string>()
  for (const { options } of patients) collect(options, '', found)
  const longestFirst = [...found].sort((a, b) => b.length - a.length)
  return text => longestFirst.reduce((shown, secret) => shown.replaceAll(secret, '***'), text)
}
