// A login as one writes it by hand over a session plugin and openid-client: the tokens are in the session, and a request without them goes to the provider.
import * as client from 'openid-client'

const TRANSACTION = 'transaction'

function callbackOf (request) {
  return `http://${request.host}/callback`
}

export async function addLogin (app, { options, scope }) {
  const provider = await client.discovery(new URL(options.discovery), options.client_id, undefined, client.ClientSecretBasic(options.client_secret), { execute: [client.allowInsecureRequests] })

  async function start (request, reply) {
    const [state, verifier] = [client.randomState(), client.randomPKCECodeVerifier()]
    request.session.set(TRANSACTION, { state, verifier })
    const challenge = await client.calculatePKCECodeChallenge(verifier)
    return reply.redirect(client.buildAuthorizationUrl(provider, { redirect_uri: callbackOf(request), scope, state, code_challenge: challenge, code_challenge_method: 'S256' }).href)
  }

  app.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith('/callback')) return
    const tokens = request.session.get('tokens')
    if (tokens === undefined || tokens.expiresAt < Date.now() / 1000) return await start(request, reply)
  })

  app.get('/callback', async (request, reply) => {
    const { state, verifier } = request.session.get(TRANSACTION)
    const tokens = await client.authorizationCodeGrant(provider, new URL(request.url, callbackOf(request)), { expectedState: state, pkceCodeVerifier: verifier })
    request.session.set(TRANSACTION, undefined)
    request.session.set('tokens', {
      accessToken: tokens.access_token,
      idToken: tokens.id_token,
      refreshToken: tokens.refresh_token,
      expiresAt: Math.floor(Date.now() / 1000) + tokens.expires_in
    })
    return reply.redirect('/')
  })
}

/** For @fastify/http-proxy: who the caller is, for the upstream. */
export const replyOptions = {
  rewriteRequestHeaders: (request, headers) => ({ ...headers, 'x-access-token': request.session.get('tokens').accessToken })
}
