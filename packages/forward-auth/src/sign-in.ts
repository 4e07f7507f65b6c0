import type { FastifyInstance } from 'fastify'
import type { Page } from 'fastify-oidc'
import { sendPage, type Endpoint } from './answers.ts'
import type { EndpointPaths } from './endpoint-paths.ts'
import type { ForwardAuthSettings } from './options.ts'
import { createRedirectTargets, leadsTo } from './redirect-target.ts'

export interface SignInEndpoints {
  /** The page with the button; who comes here with a session has none any more (CVE-2026-34454). */
  readonly signIn: Endpoint
  /** To the provider. */
  readonly start: Endpoint
}

export function createSignIn (fastify: FastifyInstance, { provider_name: name, skip_provider_button: skips, sign_in_in_place: inPlace }: ForwardAuthSettings, paths: EndpointPaths): SignInEndpoints {
  const { oidc } = fastify
  const circular = [paths.signIn, paths.start, paths.callback, paths.signOut]
  const targetOf = createRedirectTargets(fastify, paths, circular)
  const pageFor = (target: string): Page => {
    const href = `${paths.start}?rd=${encodeURIComponent(target)}`
    return { title: 'Sign in', message: 'You need to sign in to go on.', reference: null, action: { label: `Sign in with ${name}`, href, method: 'get' } }
  }
  const start: Endpoint = async (request, reply) => await oidc.login(request, reply, { returnTo: targetOf(request) })
  if (inPlace) oidc.offerLogin(async (_request, reply, returnTo) => sendPage(reply.code(403).header('cache-control', 'no-store'), pageFor(leadsTo(returnTo, circular) ? paths.home : returnTo)))
  return {
    start,
    signIn: skips
      ? start
      : async (request, reply) => {
        await oidc.endSession(request, reply)
        return sendPage(reply, pageFor(targetOf(request)))
      }
  }
}
