import './augment.ts'

export type { FastifyOidc, RevokeTarget, RouteRequirement } from './augment.ts'
export type { RequestOidc } from './http/request-oidc.ts'
export type { OwnCookies } from './cookie/own-cookies.ts'
export type { RoutePolicy } from './policy.ts'
