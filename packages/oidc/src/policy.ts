import { Type, type Static } from '@sinclair/typebox'

/** What a route may set in `config.oidc`; what it leaves out is the plugin's. */
export const policySchema = Type.Object({
  unauth_action: Type.Optional(Type.Union([Type.Literal('auth'), Type.Literal('deny'), Type.Literal('pass')], { description: 'Action for unauthenticated requests.' })),
  required_scopes: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description: 'Scopes that the caller must have, all of them.' })),
  cross_site: Type.Optional(Type.Union([Type.Literal('refuse'), Type.Literal('allow')], { description: 'Unsafe methods and upgrades with a session from another site.' }))
}, { additionalProperties: false })

export type RoutePolicy = Static<typeof policySchema>
