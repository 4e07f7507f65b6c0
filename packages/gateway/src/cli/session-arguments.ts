import { nearestName } from 'fastify-oidc-session-store'

const ACTIONS = ['list', 'show', 'revoke'] as const
export type SessionAction = typeof ACTIONS[number]

/** Whose sessions. */
export type SessionQuery =
  | { readonly kind: 'all' }
  | { readonly kind: 'subject', readonly value: string }
  | { readonly kind: 'providerSession', readonly value: string }
  | { readonly kind: 'id', readonly value: string }

/** What was asked of `sessions`. */
export interface SessionRequest {
  readonly action: SessionAction
  readonly query: SessionQuery
  /** null: the providers of the file. */
  readonly issuer: string | null
  /** A route's place; null: wherever there are sessions. */
  readonly core: string | null
  readonly format: 'table' | 'json'
  /** How many sessions are shown at most. */
  readonly limit: number
  /** Whether nobody has to be asked. */
  readonly confirmed: boolean
}

export const SESSION_OPTIONS = {
  sub: { type: 'string' },
  sid: { type: 'string' },
  id: { type: 'string' },
  all: { type: 'boolean' },
  issuer: { type: 'string' },
  core: { type: 'string' },
  json: { type: 'boolean' },
  limit: { type: 'string' },
  yes: { type: 'boolean', short: 'y' }
} as const

type Name = keyof typeof SESSION_OPTIONS
type Values = Readonly<Partial<Record<Name, unknown>>>
type Found<T> = { readonly value: T } | { readonly misuse: string }

const NAMES = Object.keys(SESSION_OPTIONS) as Name[]
const DEFAULT_LIMIT = 100
const KINDS: Readonly<Record<'sub' | 'sid' | 'id', Exclude<SessionQuery['kind'], 'all'>>> = { sub: 'subject', sid: 'providerSession', id: 'id' }

/** An option of `sessions` that was typed for another command. */
export function strayOption (values: Values): string | null {
  return NAMES.find(name => values[name] !== undefined) ?? null
}

/** Options without their value, and flags with one. */
function findMalformed (values: Values): string | null {
  for (const name of NAMES) {
    const value = values[name]
    const { type } = SESSION_OPTIONS[name]
    if (value === undefined || (type === 'boolean' ? value === true : typeof value === 'string' && value !== '')) continue
    return type === 'boolean' ? `--${name} takes no value` : `--${name} needs a value`
  }
  return null
}

function findQuery (values: Values, action: SessionAction): Found<SessionQuery> {
  const named = (['sub', 'sid', 'id'] as const).filter(name => values[name] !== undefined)
  const [name, second] = [...named, ...values.all === true ? ['all' as const] : []]
  if (second !== undefined) return { misuse: `--${String(name)} and --${second} do not go together` }
  if (name === undefined) return action === 'list' ? { value: { kind: 'all' } } : { misuse: action === 'show' ? 'show whose? --sub, --sid or --id' : 'revoke whose? --sub, --sid, --id or --all' }
  if (name === 'all') return action === 'show' ? { misuse: 'show is for --sub, --sid or --id; list shows all' } : { value: { kind: 'all' } }
  return { value: { kind: KINDS[name], value: String(values[name]) } }
}

function findLimit ({ limit }: Values): number | null {
  if (limit === undefined) return DEFAULT_LIMIT
  if (!/^\d{1,9}$/.test(String(limit))) return null
  return limit === '0' ? Infinity : Number(limit)
}

function findMisplaced (values: Values, action: SessionAction, query: SessionQuery): string | null {
  if (values.issuer !== undefined && query.kind !== 'subject' && query.kind !== 'providerSession') return '--issuer is for --sub and --sid'
  if (values.limit !== undefined && action === 'revoke') return '--limit is for list and show'
  return values.yes === true && action !== 'revoke' ? '--yes is for revoke' : null
}

/** Reads what stands behind `sessions`. */
export function findSessionRequest (values: Values, name: string | undefined): Found<SessionRequest> {
  const action = ACTIONS.find(known => known === name)
  if (action === undefined) {
    const nearest = name === undefined ? null : nearestName(name, ACTIONS)
    return { misuse: `sessions needs one of ${ACTIONS.join(', ')}${name === undefined ? '' : `, not ${name}`}${nearest === null ? '' : `; did you mean ${nearest}?`}` }
  }
  const malformed = findMalformed(values)
  if (malformed !== null) return { misuse: malformed }
  const query = findQuery(values, action)
  if ('misuse' in query) return query
  const misplaced = findMisplaced(values, action, query.value)
  if (misplaced !== null) return { misuse: misplaced }
  const limit = findLimit(values)
  if (limit === null) return { misuse: '--limit must be a number; 0 is no limit' }
  const text = (value: unknown): string | null => typeof value === 'string' ? value : null
  return {
    value: { action, query: query.value, issuer: text(values.issuer), core: text(values.core), format: values.json === true ? 'json' : 'table', limit, confirmed: values.yes === true }
  }
}
