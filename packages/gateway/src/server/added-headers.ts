import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ANONYMOUS, type RequestOidc } from 'fastify-oidc'
import type { HeaderSource } from 'fastify-oidc-proxy'
import type { AddedHeader } from '../configuration/headers.ts'

/** Control characters would begin another header, or end the request. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f]/

/** A claim of this name, or else at the path that its dots make. */
function readClaim (claims: RequestOidc['userinfo'], name: string): unknown {
  if (claims === null) return undefined
  if (Object.hasOwn(claims, name)) return claims[name]
  if (!name.includes('.')) return undefined
  return name.split('.').reduce<unknown>((value, key) => value !== null && typeof value === 'object' && !Array.isArray(value) && Object.hasOwn(value, key) ? (value as Readonly<Record<string, unknown>>)[key] : undefined, claims)
}

function claimOf (oidc: RequestOidc, name: string): unknown {
  switch (name) {
    case 'access_token': return oidc.accessToken
    case 'id_token': return oidc.idToken
    case 'groups': return oidc.groups
    default: return readClaim(oidc.claims, name) ?? readClaim(oidc.userinfo, name)
  }
}

function textOf (claim: unknown): string {
  if (typeof claim === 'string') return claim
  return typeof claim === 'number' || typeof claim === 'boolean' ? String(claim) : ''
}

/** A claim as text; empty where there is none. A member with a comma would be two, and is left out. */
function flatten (claim: unknown): string {
  return Array.isArray(claim) ? claim.map(textOf).filter(text => text !== '' && !text.includes(',')).join(',') : textOf(claim)
}

function valueOf ({ value }: AddedHeader, oidc: RequestOidc): string | null {
  if (value.kind === 'fixed') return value.text
  const text = flatten(claimOf(oidc, value.claim))
  if (text === '' || CONTROL.test(text)) return null
  if (value.kind === 'claim') return value.prefix + Buffer.from(text).toString('latin1')
  // The first colon ends the user name (RFC 7617, section 2).
  return text.includes(':') ? null : `Basic ${Buffer.from(`${text}:${value.password}`).toString('base64')}`
}

/** Makes the headers of a request, by lower-case name. UTF-8 goes over the wire as it is. */
export function createHeaderSource (headers: readonly AddedHeader[]): HeaderSource {
  return request => {
    // Null where a request was refused before the guard saw it.
    const oidc = request.oidc as RequestOidc | null ?? ANONYMOUS
    const made: Record<string, string> = {}
    for (const header of headers) {
      const value = valueOf(header, oidc)
      if (value !== null) made[header.name] = value
    }
    return made
  }
}

/** Removes what callers send under these names, in each spelling that a server may take for one of them. */
export function stripAdded (scope: FastifyInstance, headers: readonly AddedHeader[]): void {
  const names = new Set(headers.map(({ name }) => name))
  scope.addHook('onRequest', async ({ raw }: FastifyRequest) => {
    for (const name in raw.headers) if (names.has(name.replace(/[^a-z0-9]/g, '-'))) delete raw.headers[name]
  })
}

/** Puts headers on every answer of the scope, whatever the upstream said. */
export function answerWith (scope: FastifyInstance, headers: readonly AddedHeader[]): void {
  const make = createHeaderSource(headers)
  const names = headers.map(({ name }) => name)
  scope.addHook('onSend', async (request: FastifyRequest, reply: FastifyReply) => {
    for (const name of names) reply.removeHeader(name)
    reply.headers(make(request))
  })
}
