import type { FastifyInstance } from 'fastify'

/** Where the endpoints stand, as the browser sees them. */
export interface EndpointPaths {
  readonly base: string
  /** What routes of this scope put in front of an endpoint's name. */
  readonly relative: string
  readonly signIn: string
  readonly start: string
  readonly callback: string
  readonly signOut: string
  readonly home: string
}

/** What stands under the prefix beside the callback, as the router spells it. */
export const endpointNames = ['sign_in', 'sign_out', 'start', 'userinfo', 'auth', 'static/*'] as const

export type EndpointName = typeof endpointNames[number]

const DEFAULT_PREFIX = '/oauth2'

/** Fastify has put a prefix that is written in front of this scope already. */
export function createEndpointPaths ({ prefix }: FastifyInstance, written: string | undefined): EndpointPaths {
  const base = written === undefined ? prefix + DEFAULT_PREFIX : prefix
  return {
    base,
    relative: written === undefined ? DEFAULT_PREFIX : '',
    signIn: `${base}/sign_in`,
    start: `${base}/start`,
    callback: `${base}/callback`,
    signOut: `${base}/sign_out`,
    home: base.slice(0, -(written ?? DEFAULT_PREFIX).length) || '/'
  }
}
