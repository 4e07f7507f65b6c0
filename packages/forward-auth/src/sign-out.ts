import type { FastifyInstance, FastifyRequest } from 'fastify'
import { sendPage, type EndedSession } from 'fastify-oidc'
import { sendOn, type Endpoint } from './answers.ts'
import type { EndpointPaths } from './endpoint-paths.ts'
import type { ForwardAuthSettings } from './options.ts'
import type { Pages } from './pages/pages.ts'
import { createRedirectTargets } from './redirect-target.ts'

/** As it is written, and as a URL parser writes it in a path. */
const PLACEHOLDER = /\{id_token\}|%7Bid_token%7D/gi
const BACKEND_TIMEOUT_MS = 3000
const QUESTION = { title: 'Sign out?', text: 'A link on another site asks to sign you out here.' }

function fill (text: string, idToken: string | null): string {
  return text.replace(PLACEHOLDER, () => idToken ?? '')
}

/** The ID token goes back to its provider alone: anybody can write `rd`. */
async function fillTarget (target: string, ended: EndedSession): Promise<string> {
  if (ended.sessionId === null || !URL.canParse(target) || target.search(PLACEHOLDER) < 0) return target
  const provider = await ended.providerUrl(null)
  return provider !== null && new URL(provider).origin === new URL(target).origin ? fill(target, ended.idToken) : target
}

async function tellBackend (request: FastifyRequest, url: string, { idToken }: EndedSession): Promise<void> {
  try {
    const { status, body } = await fetch(fill(url, idToken), { redirect: 'manual', signal: AbortSignal.timeout(BACKEND_TIMEOUT_MS) })
    await body?.cancel()
    if (status !== 200 && status !== 204) request.log.warn({ oidc: 'logout.backend', status }, 'backend_logout_url did not take the sign-out: it must answer 200 or 204')
  } catch (err) {
    request.log.warn({ oidc: 'logout.backend', cause: err instanceof Error ? err.name : null }, 'backend_logout_url cannot be reached, or took longer than 3 seconds')
  }
}

/** Ends the session here, whatever others say of it, and sends the browser on. */
export function createSignOut (fastify: FastifyInstance, settings: ForwardAuthSettings, paths: EndpointPaths, pages: Pages): Endpoint {
  const { oidc } = fastify
  const { backend_logout_url: backend, sign_out_at_provider: atProvider, cross_site_sign_out: crossSite } = settings
  const targetOf = createRedirectTargets(fastify, paths, [paths.signOut, paths.callback])

  async function locationAfter (request: FastifyRequest, ended: EndedSession): Promise<string> {
    const target = targetOf(request)
    const origin = `${request.protocol}://${request.host}`
    if (!atProvider || ended.sessionId === null || !URL.canParse(target, origin)) return await fillTarget(target, ended)
    return await ended.providerUrl(new URL(target, origin).href) ?? target
  }

  return async (request, reply) => {
    if (crossSite === 'confirm' && oidc.isCrossSite(request)) {
      return sendPage(reply, pages.askFirst({ ...QUESTION, confirm: { label: 'Sign out', href: `${paths.signOut}?rd=${encodeURIComponent(targetOf(request))}`, method: 'post' }, stay: paths.home }))
    }
    const ended = await oidc.endSession(request, reply)
    if (backend !== undefined && ended.sessionId !== null) await tellBackend(request, backend, ended)
    return sendOn(request, reply, await locationAfter(request, ended))
  }
}
