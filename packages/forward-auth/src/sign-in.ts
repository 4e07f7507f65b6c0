import type { FastifyInstance } from 'fastify'
import { sendPage, type Endpoint } from './answers.ts'
import type { EndpointPaths } from './endpoint-paths.ts'
import type { ForwardAuthSettings } from './options.ts'
import { createRedirectTargets } from './redirect-target.ts'

export interface SignInEndpoints {
  /** The page with the button; who comes here with a session has none any more (CVE-2026-34454). */
  readonly signIn: Endpoint
  /** To the provider. */
  readonly start: Endpoint
}

export function createSignIn (fastify: FastifyInstance, { provider_name: name, skip_provider_button: skips }: ForwardAuthSettings, paths: EndpointPaths): SignInEndpoints {
  const { oidc } = fastify
  const targetOf = createRedirectTargets(fastify, paths, [paths.signIn, paths.start, paths.callback, paths.signOut])
  const start: Endpoint = async (request, reply) => await oidc.login(request, reply, { returnTo: targetOf(request) })
  return {
    start,
    signIn: skips
      ? start
      : async (request, reply) => {
        await oidc.endSession(request, reply)
        const href = `${paths.start}?rd=${encodeURIComponent(targetOf(request))}`
        return sendPage(reply, { title: 'Sign in', message: 'You need to sign in to go on.', reference: null, action: { label: `Sign in with ${name}`, href, method: 'get' } })
      }
  }
}
