import { createPublicKey, type JsonWebKey } from 'node:crypto'
import type { OptionProblem } from 'fastify-oidc-session-store'
import { readPrivateKey } from './private-key.ts'
import type { ResolvedOptions } from './schema.ts'

type DpopOptions = NonNullable<ResolvedOptions['dpop']>

/** RFC 7518, section 6: what a public key of the kind consists of, and what nobody may see. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = { EC: ['crv', 'x', 'y'], RSA: ['n', 'e'] }
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

const problem = (path: string, message: string): OptionProblem => ({ path: ['dpop', ...path.split('.')], message })

const kindFor = (alg: string): string => alg === 'ES256' ? 'EC' : 'RSA'

function checkPrivateMembers ({ public_jwk: jwk = {} }: DpopOptions): OptionProblem[] {
  return PRIVATE_MEMBERS
    .filter(name => Object.hasOwn(jwk, name))
    .map(name => problem(`public_jwk.${name}`, 'is of the private key, which belongs in dpop.private_key alone'))
}

function checkPublicJwk ({ public_jwk: jwk, signing_alg: alg }: DpopOptions): OptionProblem[] {
  if (jwk === undefined) return []
  const kind = kindFor(alg)
  if (jwk.kty !== kind) return [problem('public_jwk.kty', `must be ${kind}: dpop.signing_alg is ${alg}`)]
  const problems = (MEMBERS[kind] ?? [])
    .filter(name => typeof jwk[name] !== 'string' || jwk[name] === '')
    .map(name => problem(`public_jwk.${name}`, 'is required, as text that is not empty'))
  if (problems.length === 0 && kind === 'EC' && jwk.crv !== 'P-256') return [problem('public_jwk.crv', `must be P-256: dpop.signing_alg is ${alg}`)]
  return problems
}

function missingKey (profile: string): OptionProblem {
  const reason = profile === 'fapi2' ? 'dpop.enabled is true, by security_profile fapi2; with tls_client_auth instead, tokens are bound to its certificate' : 'dpop.enabled is true'
  return problem('private_key', `is required: ${reason}. Every instance needs the same key, so none is made up`)
}

function checkPrivateKey ({ private_key: written = '', signing_alg: alg }: DpopOptions): { problems: OptionProblem[], publicJwk: JsonWebKey | null } {
  const read = readPrivateKey(written)
  if (read.kind === 'problem') return { problems: [problem('private_key', read.message)], publicJwk: null }
  if (!read.algorithms.includes(alg)) return { problems: [problem('private_key', `does not fit dpop.signing_alg, which is ${alg}: it signs ${read.algorithms.join(', ')}`)], publicJwk: null }
  return { problems: [], publicJwk: createPublicKey(read.key).export({ format: 'jwk' }) }
}

function compareKeys (written: Readonly<Record<string, unknown>>, own: JsonWebKey): OptionProblem[] {
  return (MEMBERS[own.kty ?? ''] ?? [])
    .filter(name => written[name] !== own[name])
    .map(name => problem(`public_jwk.${name}`, 'is not that of dpop.private_key'))
}

/** What is wrong with `dpop`: keys that are not used are only looked at for secrets in the wrong place. */
export function checkDpop ({ dpop, security_profile: profile }: ResolvedOptions): OptionProblem[] {
  if (dpop === undefined) return []
  const misplaced = checkPrivateMembers(dpop)
  if (!dpop.enabled || misplaced.length > 0) return misplaced
  const unfit = checkPublicJwk(dpop)
  if (dpop.private_key === undefined) return [...unfit, missingKey(profile)]
  const { problems, publicJwk } = checkPrivateKey(dpop)
  if (unfit.length > 0 || publicJwk === null || dpop.public_jwk === undefined) return [...unfit, ...problems]
  return compareKeys(dpop.public_jwk, publicJwk)
}
