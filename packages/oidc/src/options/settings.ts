import { randomBytes } from 'node:crypto'
import { checkOptions, optionsError, sessionSchema, type OptionProblem } from 'fastify-oidc-session-store'
import { explainMethods } from '../policy/auth-methods.ts'
import { checkDomains } from '../policy/domain-list.ts'
import { checkAuthorizationParams } from './authorization-params.ts'
import { checkBearerOptions } from './bearer-options.ts'
import { checkClientAuth } from './client-auth-options.ts'
import { checkClaimSchema } from './claim-schema.ts'
import { checkConsumer, checkConsumerSource, type CodeOptions } from './consumer-options.ts'
import { checkDpop } from './dpop-options.ts'
import { checkOwnPaths } from './own-paths.ts'
import { checkOpenings } from './opening-options.ts'
import { checkPolicyOptions } from './policy-options.ts'
import { applyProfile } from './profile.ts'
import { checkProxy } from './proxy-options.ts'
import { checkResourceMetadata } from './resource-metadata.ts'
import { resolveEnvironment, resolveReferences, type Referenced, type ReferenceSources } from './references.ts'
import { optionsSchema, type ResolvedOptions } from './schema.ts'
import { checkSession } from './session-options.ts'
import { checkSecretManagers } from './secret-managers.ts'
import { checkTlsClientAuth } from './tls-client-auth-options.ts'

/** Options that hold: checked, with defaults and profile, frozen. */
export type OidcSettings = ResolvedOptions & { readonly session: NonNullable<ResolvedOptions['session']> }

const MEANT_SECONDS = 600

const problem = (path: string, message: string): OptionProblem => ({ path: path.split('.'), message })

function checkUrls (options: ResolvedOptions): OptionProblem[] {
  const urls = { discovery: options.discovery, redirect_uri: options.redirect_uri, post_logout_redirect_uri: options.post_logout_redirect_uri }
  return Object.entries(urls)
    .filter(([, value]) => value !== undefined && !URL.canParse(value, 'http://localhost'))
    .map(([name]) => problem(name, 'is not a URL'))
}

function checkRedirectUri ({ redirect_uri: redirectUri }: ResolvedOptions): OptionProblem[] {
  if (redirectUri === undefined || !URL.canParse(redirectUri, 'http://localhost')) return []
  const { hash, username, password } = new URL(redirectUri, 'http://localhost')
  return hash === '' && username === '' && password === '' ? [] : [problem('redirect_uri', 'must not have a fragment, a user name or a password')]
}

function explainTimeout (found: OptionProblem): OptionProblem {
  return found.path.join('.') === 'timeout' && found.message.endsWith('or less') ? { ...found, message: `must be ${MEANT_SECONDS} or less: it is seconds, not milliseconds` } : found
}

/** As the engine below APISIX calls them; the table has them nested. */
const FLAT_NAMES: Readonly<Record<string, string>> = {
  use_par: 'par.enabled',
  pushed_authorization_request_endpoint: 'par.endpoint',
  pushed_authorization_request_endpoint_auth_method: 'par.endpoint_auth_method',
  use_dpop: 'dpop.enabled',
  dpop_signing_alg: 'dpop.signing_alg',
  dpop_private_key: 'dpop.private_key',
  dpop_public_jwk: 'dpop.public_jwk'
}

function explainFlatName (found: OptionProblem): OptionProblem {
  const [name = '', ...deeper] = found.path
  return deeper.length === 0 && Object.hasOwn(FLAT_NAMES, name) ? { ...found, message: `is not a known option; use ${FLAT_NAMES[name] ?? ''}` } : found
}

const isObject = (value: unknown): value is object => value !== null && typeof value === 'object'

const RULES = [checkUrls, checkRedirectUri, checkAuthorizationParams, checkClientAuth, checkBearerOptions, checkClaimSchema, checkPolicyOptions, checkResourceMetadata, checkConsumer, checkDomains, checkDpop, checkTlsClientAuth, checkProxy, checkSession, checkOwnPaths, checkOpenings, checkSecretManagers]

/** What options have to agree on; those that are wrong by themselves are not held against others. */
function checkTogether (options: ResolvedOptions, wrong: ReadonlySet<string>, code: CodeOptions): OptionProblem[] {
  const sound = Object.fromEntries(Object.entries(options).filter(([name]) => !wrong.has(name))) as ResolvedOptions
  return [...RULES.flatMap(check => check(sound)), ...checkConsumerSource(sound, code)].filter(({ path }) => !wrong.has(path[0] ?? ''))
}

/** Problems of options whose references were looked up; what a reference should have stood for is not judged. */
function checkReferenced ({ value, problems: unresolved }: Referenced, code: CodeOptions): { options: ResolvedOptions, problems: OptionProblem[] } {
  const { options, problems } = checkOptions(optionsSchema, applyProfile(value))
  const told = new Set(unresolved.map(({ path }) => path.join('.')))
  const shape = explainMethods(problems.filter(({ path }) => !told.has(path.join('.'))).map(explainTimeout).map(explainFlatName), value)
  const wrong = new Set([...problems, ...unresolved].map(({ path }) => path[0] ?? ''))
  const cross = isObject(options) && !wrong.has('') ? checkTogether(options, wrong, code) : []
  return { options, problems: [...unresolved.map(({ path, message }) => ({ path, message })), ...shape, ...cross] }
}

/** Every problem of the plugin's options, and the options with references to the environment resolved, profile and defaults applied. */
export function checkOidcOptions (input: unknown): { options: ResolvedOptions, problems: OptionProblem[] } {
  return checkReferenced(resolveEnvironment(input ?? {}), { resolvesConsumers: false })
}

/** The same with secrets read from their managers, and what code stands beside them. */
export async function readOidcOptions (input: unknown, sources: ReferenceSources, code: CodeOptions): Promise<{ options: ResolvedOptions, problems: OptionProblem[] }> {
  return checkReferenced(await resolveReferences(input ?? {}, sources), code)
}

/**
 * Checks the plugin's options.
 * @throws FST_OIDC_OPTIONS_INVALID with every problem at once
 */
export function parseOidcOptions (input: unknown): ResolvedOptions {
  const { options, problems } = checkOidcOptions(input)
  if (problems.length > 0) throw optionsError('fastify-oidc', problems)
  return options
}

/** Of options without a problem. Who accepts bearer tokens alone needs no session, and none that is made by chance opens. Managers have been asked: their tokens are not kept. */
export function settle (options: ResolvedOptions): OidcSettings {
  const session = options.session ?? checkOptions(sessionSchema, { secret: randomBytes(32).toString('base64url') }).options
  return Object.freeze({ ...options, secrets: undefined, session })
}
