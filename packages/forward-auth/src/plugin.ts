import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { PAGE_STYLE } from 'fastify-oidc'
import fp from 'fastify-plugin'
import { sendStatus, type Endpoint } from './answers.ts'
import { meetsConstraints } from './constraints.ts'
import { createEndpointPaths, endpointNames, type EndpointName, type EndpointPaths } from './endpoint-paths.ts'
import { CallbackMissingError, CoreMissingError } from './errors.ts'
import { askedOf, forwardedMethod } from './forwarded.ts'
import { describeCaller, identityHeaders } from './identity.ts'
import { parseForwardAuthOptions, type ForwardAuthOptions, type ForwardAuthSettings } from './options.ts'
import { createPasswordSignIn } from './htpasswd/password-sign-in.ts'
import { readAppearance } from './pages/appearance.ts'
import { createPages } from './pages/pages.ts'
import { createSignIn, type SignInParts } from './sign-in.ts'
import { createSignOut } from './sign-out.ts'

const MAX_FORM_BYTES = 64 * 1024

/** `auth`: may the caller pass? Never a redirect: nginx would make a 500 of it. */
function createAuth ({ oidc }: FastifyInstance, settings: ForwardAuthSettings): Endpoint {
  return async (request, reply) => {
    if (!request.oidc.authenticated) return oidc.isOpen(request, askedOf(request)) ? reply.code(202).send() : sendStatus(reply, 401)
    if (!meetsConstraints(request)) return sendStatus(reply, 403)
    return reply.code(202).headers(identityHeaders(request.oidc, settings)).send()
  }
}

const userinfo: Endpoint = async (request, reply) => {
  if (!request.oidc.authenticated) return sendStatus(reply, 401)
  return reply.headers({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' }).send(describeCaller(request.oidc))
}

/** The one file there is: nothing is read from a disk. */
const styleSheet: Endpoint = async (request, reply) => {
  const { '*': file } = request.params as { readonly '*': string }
  return file === 'page.css' ? reply.headers({ 'content-type': 'text/css; charset=utf-8', 'x-content-type-options': 'nosniff' }).send(PAGE_STYLE) : sendStatus(reply, 404)
}

/** Forms as text, up to a bound; of any other body nothing is read. */
function takeForms (fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: MAX_FORM_BYTES }, (_request, body, done) => { done(null, body) })
  fastify.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null)
  })
}

function addEndpoints (fastify: FastifyInstance, settings: ForwardAuthSettings, paths: EndpointPaths, { pages, passwords }: SignInParts): void {
  const { oidc } = fastify
  const method = [...fastify.supportedMethods]
  const open = { method, exposeHeadRoute: false, config: { oidc: false } } as const
  const identified = { ...open, onRequest: oidc.guard({ unauth_action: 'pass' }, { redirects: false, methodOf: forwardedMethod }) }
  const { signIn, start } = createSignIn(fastify, settings, paths, { pages, passwords })
  const endpoints: Readonly<Record<EndpointName, { readonly handler: Endpoint } & (typeof open | typeof identified)>> = {
    sign_in: { ...open, handler: signIn },
    sign_out: { ...open, handler: createSignOut(fastify, settings, paths, pages) },
    start: { ...open, handler: start },
    userinfo: { ...identified, handler: userinfo },
    auth: { ...identified, onRequest: oidc.guard({ unauth_action: 'pass' }, { redirects: false, methodOf: forwardedMethod, askedOf }), handler: createAuth(fastify, settings) },
    'static/*': { ...open, handler: styleSheet }
  }
  for (const name of endpointNames) fastify.route({ ...endpoints[name], method, url: `${paths.relative}/${name}` })
}

/**
 * The endpoints of OAuth2 Proxy over the core of this scope.
 * @throws FST_OIDC_OPTIONS_INVALID with every problem at once
 * @throws FST_OIDC_FORWARD_AUTH_CORE_MISSING, FST_OIDC_FORWARD_AUTH_CALLBACK_MISSING, FST_OIDC_LOCAL_USERS_TAKEN
 */
const plugin: FastifyPluginAsync<ForwardAuthOptions> = async (fastify, input) => {
  const settings = parseForwardAuthOptions(input)
  const { appearance, warnings } = readAppearance(settings)
  if (!fastify.hasDecorator('oidc')) throw new CoreMissingError()
  const paths = createEndpointPaths(fastify, settings.prefix)
  if (fastify.oidc.callbackPath !== paths.callback) throw new CallbackMissingError(paths.callback, paths.callback)
  for (const warning of warnings) fastify.log.warn({ oidc: 'page.template' }, warning)
  takeForms(fastify)
  fastify.setErrorHandler((error, request, reply) => fastify.oidc.refuse(request, reply, error))
  fastify.addHook('onRequest', async (_request, reply) => { reply.header('cache-control', 'no-store') })
  const passwords = settings.htpasswd === undefined ? null : await createPasswordSignIn(fastify, settings.htpasswd)
  const pages = createPages({ name: settings.provider_name, paths, appearance, hasForm: passwords?.displaysForm === true })
  fastify.oidc.showErrors(pages.error)
  addEndpoints(fastify, settings, paths, { pages, passwords })
}

/** OAuth2 Proxy's endpoints over fastify-oidc, for nginx `auth_request`, Traefik, Caddy and Envoy. Each registration is a scope of its own. */
export const forwardAuth = fp(plugin, { name: 'fastify-oidc-forward-auth', fastify: '5.x', encapsulate: true })
