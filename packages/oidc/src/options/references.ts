import type { OptionProblem } from 'fastify-oidc-session-store'
import { managersOf } from './secret-managers.ts'
import { createSecretReader, type ResolveSecret, type SecretReader } from './secret-reader.ts'
import { isReference, parseSecretReference, type SecretReference } from './secret-reference.ts'

/** A reference that does not stand for a value. */
export interface ReferenceProblem extends OptionProblem {
  /** `unset`: not in this environment. `unread`: no manager has said it. `wrong`: it cannot be right anywhere. */
  readonly kind: 'unset' | 'unread' | 'wrong'
}

/** What references became: the same value with what they stand for, and those that stand for nothing as they were. */
export interface Referenced {
  readonly value: unknown
  readonly problems: readonly ReferenceProblem[]
}

/** Where references are looked up. */
export interface ReferenceSources {
  /** Default: that of the process. */
  readonly environment?: NodeJS.ProcessEnv
  /** Answers `$secret://` references that no manager of `secrets` is for. */
  readonly resolveSecret?: ResolveSecret | null
  /** False: nobody is asked for `$secret://` references, and each is an `unread` problem. Default: true. */
  readonly asksManagers?: boolean
}

type Path = readonly string[]
type Looked = { readonly value: string } | Omit<ReferenceProblem, 'path'>

const ENVIRONMENT = /^\$env:\/\/([^/]+)(?:\/(.+))?$/is
const MANAGERS = 'secrets'

function readEnvironment (name: string, key: string | undefined, environment: NodeJS.ProcessEnv): Looked {
  // An environment has the members of every object as well, and they are no variables.
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined
  if (value === undefined) return { kind: 'unset', message: `refers to the environment variable ${name}, which is not set` }
  if (key === undefined) return { value }
  try {
    const members = JSON.parse(value) as Record<string, unknown> | null
    const member = members !== null && Object.hasOwn(members, key) ? members[key] : undefined
    if (typeof member === 'string' || typeof member === 'number') return { value: String(member) }
  } catch { /* said below: the value itself must not be repeated */ }
  return { kind: 'unset', message: `refers to ${key} in the environment variable ${name}, which is not a JSON object with that member` }
}

/** A secret that looks like a reference would be looked up by whoever reads the options next. */
const bounded = (looked: Looked): Looked => 'value' in looked && isReference(looked.value)
  ? { kind: 'wrong', message: 'refers to another reference, which is not followed' }
  : looked

function lookUp (text: string, environment: NodeJS.ProcessEnv): Looked {
  if (parseSecretReference(text) !== null) return { kind: 'unread', message: 'refers to a secret manager, which is asked when the plugin is registered' }
  const [, name, key] = ENVIRONMENT.exec(text) ?? []
  if (name !== undefined) return bounded(readEnvironment(name, key, environment))
  return { kind: 'wrong', message: 'is neither $ENV://NAME, $env://NAME/key nor $secret://<manager>/<id>/<path>' }
}

function mapTexts (value: unknown, path: Path, replace: (text: string, path: Path) => string): unknown {
  if (typeof value === 'string') return replace(value, path)
  if (Array.isArray(value)) return value.map((member, index) => mapTexts(member, [...path, String(index)], replace))
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, mapTexts(member, [...path, key], replace)]))
}

/** Replaces `$ENV://NAME` and `$env://NAME/json-key` at any depth, and asks nobody. */
export function resolveEnvironment (input: unknown, environment: NodeJS.ProcessEnv = process.env): Referenced {
  const problems: ReferenceProblem[] = []
  const value = mapTexts(input, [], (text, path) => {
    if (!isReference(text)) return text
    const looked = lookUp(text, environment)
    if ('value' in looked) return looked.value
    problems.push({ path, ...looked })
    return text
  })
  return { value, problems }
}

function textAt (root: unknown, path: Path): string {
  return String(path.reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], root))
}

function findMistake (reference: SecretReference, path: Path, reader: SecretReader): string | null {
  return path[0] === MANAGERS ? 'a manager cannot be read from a manager' : reader.findMistake(reference)
}

async function readSecrets ({ value, problems }: Referenced, reader: SecretReader, asksManagers: boolean): Promise<Referenced> {
  const secrets = new Map<string, string>()
  const looked = await Promise.all(problems.map(async (problem): Promise<ReferenceProblem | null> => {
    const reference = problem.kind === 'unread' ? parseSecretReference(textAt(value, problem.path)) : null
    if (reference === null) return problem
    const told = (kind: ReferenceProblem['kind'], why: string): ReferenceProblem => ({ path: problem.path, kind, message: `refers to ${reference.text}: ${why}` })
    const mistake = findMistake(reference, problem.path, reader)
    if (mistake !== null) return told('wrong', mistake)
    if (!asksManagers) return told('unread', 'it was not read')
    const answer = await reader.read(reference)
    if (answer.kind === 'problem') return told('unread', answer.message)
    if (isReference(answer.value)) return told('wrong', 'it is another reference, which is not followed')
    secrets.set(JSON.stringify(problem.path), answer.value)
    return null
  }))
  return {
    value: mapTexts(value, [], (text, path) => secrets.get(JSON.stringify(path)) ?? text),
    problems: looked.filter(problem => problem !== null)
  }
}

/**
 * Replaces `$ENV://NAME`, `$env://NAME/json-key` and `$secret://vault/<id>/<path>/<key>` at any depth; the managers
 * stand in the value's own `secrets`. What cannot be resolved is a problem: a literal reference must never become a secret.
 */
export async function resolveReferences (input: unknown, { environment = process.env, resolveSecret = null, asksManagers = true }: ReferenceSources = {}): Promise<Referenced> {
  const referenced = resolveEnvironment(input, environment)
  if (!referenced.problems.some(({ kind }) => kind === 'unread')) return referenced
  const isUnresolved = (index: number): boolean => referenced.problems.some(({ path }) => path[0] === MANAGERS && path[1] === String(index))
  const reader = createSecretReader(managersOf(referenced.value, isUnresolved), resolveSecret)
  try {
    return await readSecrets(referenced, reader, asksManagers)
  } finally {
    await reader.close()
  }
}
