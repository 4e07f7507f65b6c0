import type { IncomingHttpHeaders } from 'node:http'

/** How the value of a header was read. */
export type ShownValue =
  | { readonly kind: 'text', readonly text: string }
  | { readonly kind: 'json', readonly json: Claims, readonly raw: string }
  | { readonly kind: 'jwt', readonly header: Claims, readonly json: Claims, readonly raw: string }

export interface ShownHeader {
  readonly name: string
  readonly value: ShownValue
}

/** What the upstream received, ready to be shown. */
export interface ShownRequest {
  readonly method: string
  readonly path: string
  /** Who it was told the caller is; null when nobody is logged in. */
  readonly caller: string | null
  readonly identity: readonly ShownHeader[]
  readonly others: ReadonlyArray<readonly [name: string, value: string]>
  /** Seconds until the access token expires; null when there is none or it does not say. */
  readonly secondsLeft: number | null
}

type Claims = Readonly<Record<string, unknown>>

const IDENTITY = /^(authorization|x-(access-token|id-token|raw-id-token|userinfo|refresh-token|forwarded-(user|email|groups|preferred-username|access-token)|auth-request-.+))$/

function parseObject (text: string): Claims | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Claims : null
  } catch {
    return null
  }
}

function decodeJwt (token: string): { header: Claims, json: Claims } | null {
  const [head, body, signature, ...more] = token.split('.')
  if (head === undefined || body === undefined || signature === undefined || more.length > 0) return null
  const header = parseObject(Buffer.from(head, 'base64url').toString())
  const json = parseObject(Buffer.from(body, 'base64url').toString())
  return header !== null && json !== null ? { header, json } : null
}

function read (raw: string): ShownValue {
  const jwt = decodeJwt(raw.replace(/^Bearer /i, ''))
  if (jwt !== null) return { kind: 'jwt', raw, ...jwt }
  const json = parseObject(Buffer.from(raw, 'base64').toString())
  return json === null ? { kind: 'text', text: raw } : { kind: 'json', json, raw }
}

function claimsOf (identity: readonly ShownHeader[], name: string): Claims {
  const value = identity.find(header => header.name === name)?.value
  return value === undefined || value.kind === 'text' ? {} : value.json
}

function callerOf (identity: readonly ShownHeader[]): string | null {
  const claims = { ...claimsOf(identity, 'x-access-token'), ...claimsOf(identity, 'x-id-token'), ...claimsOf(identity, 'x-userinfo') }
  return [claims.name, claims.preferred_username, claims.sub].find((value): value is string => typeof value === 'string') ?? null
}

/** @param nowMs milliseconds since 1970 */
export function describeRequest (method: string, path: string, headers: IncomingHttpHeaders, nowMs: number): ShownRequest {
  const all = Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')] as const)
  const identity = all.filter(([name]) => IDENTITY.test(name)).map(([name, value]) => ({ name, value: read(value) }))
  const { exp } = { ...claimsOf(identity, 'authorization'), ...claimsOf(identity, 'x-access-token') }
  return {
    method,
    path,
    caller: callerOf(identity),
    identity,
    others: all.filter(([name]) => !IDENTITY.test(name)),
    secondsLeft: typeof exp === 'number' ? Math.max(0, Math.round(exp - nowMs / 1000)) : null
  }
}
