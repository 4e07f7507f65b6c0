import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendPage, type PageAnswer } from 'fastify-oidc'
import type { Endpoint } from './answers.ts'
import type { EndpointPaths } from './endpoint-paths.ts'
import type { PasswordOutcome, PasswordSignIn } from './htpasswd/password-sign-in.ts'
import type { ForwardAuthSettings } from './options.ts'
import { queryOf } from './parameters.ts'
import type { Pages } from './pages/pages.ts'
import type { SignInStatus } from './pages/sign-in-page.ts'
import { createQueryParameters } from './query-rules.ts'
import { createRedirectTargets, leadsTo } from './redirect-target.ts'

export interface SignInEndpoints {
  /** The page with the button; who comes here with a session has none any more (CVE-2026-34454). */
  readonly signIn: Endpoint
  /** To the provider. */
  readonly start: Endpoint
}

/** What the page is made of. */
export interface SignInParts {
  readonly pages: Pages
  readonly passwords: PasswordSignIn | null
}

type Failure = Exclude<PasswordOutcome['kind'], 'signed in'>

const FAILURES: Readonly<Record<Failure, { readonly status: SignInStatus, readonly alert: string }>> = {
  foreign: { status: 403, alert: 'This form was sent from another site. Please sign in here.' },
  'no name': { status: 400, alert: 'Please enter your user name.' },
  wrong: { status: 401, alert: 'The user name or the password is wrong.' }
}

const QUESTION = { title: 'Sign in again?', text: 'You are signed in. A link on another site leads to the sign-in page, which signs you out.' }

export function createSignIn (fastify: FastifyInstance, settings: ForwardAuthSettings, paths: EndpointPaths, { pages, passwords }: SignInParts): SignInEndpoints {
  const { oidc } = fastify
  const { skip_provider_button: skips, sign_in_in_place: inPlace, cross_site_sign_out: crossSite } = settings
  const circular = [paths.signIn, paths.start, paths.callback, paths.signOut]
  const targetOf = createRedirectTargets(fastify, paths, circular)
  const pageFor = (redirect: string, status: SignInStatus, alert: string | null): PageAnswer => pages.signIn({ redirect, status, alert })
  const askFirst = (target: string): PageAnswer => pages.askFirst({ ...QUESTION, confirm: { label: 'Sign in again', href: `${paths.signIn}?rd=${encodeURIComponent(target)}`, method: 'get' }, stay: target })
  const parametersOf = createQueryParameters(settings.authorization_params_from_query ?? {})
  const start: Endpoint = async (request, reply) => await oidc.login(request, reply, { returnTo: targetOf(request), parameters: parametersOf(queryOf(request)) })
  if (inPlace) oidc.offerLogin(async (_request, reply, returnTo) => sendPage(reply.code(403), pageFor(leadsTo(returnTo, circular) ? paths.home : returnTo, 403, null)))

  async function show (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if (skips) return await start(request, reply)
    if (crossSite === 'confirm' && oidc.isCrossSite(request) && await oidc.hasSession(request)) return sendPage(reply, askFirst(targetOf(request)))
    await oidc.endSession(request, reply)
    return sendPage(reply, pageFor(targetOf(request), 200, null))
  }

  async function showAgain (request: FastifyRequest, reply: FastifyReply, failure: Failure): Promise<FastifyReply> {
    // What another site sends ends no session either.
    if (skips && failure !== 'foreign') return await start(request, reply)
    if (failure !== 'foreign') await oidc.endSession(request, reply)
    const { status, alert } = FAILURES[failure]
    return sendPage(reply.code(status), pageFor(targetOf(request), status, alert))
  }

  return {
    start,
    async signIn (request, reply) {
      if (passwords === null || request.method !== 'POST') return await show(request, reply)
      const { kind } = await passwords.signIn(request, reply)
      return kind === 'signed in' ? reply.redirect(targetOf(request), 302) : await showAgain(request, reply, kind)
    }
  }
}
