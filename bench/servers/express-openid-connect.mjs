// express-openid-connect and http-proxy-middleware, each with its defaults; the session is in cookies.
import { Agent, createServer } from 'node:http'
import express from 'express'
import { auth } from 'express-openid-connect'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { announce, settings } from '../announce.mjs'

const { upstream, secret, scope, options } = settings
const server = createServer()

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const app = express()
  app.use(auth({
    issuerBaseURL: options.discovery.replace('/.well-known/openid-configuration', ''),
    baseURL: `http://localhost:${port}`,
    clientID: options.client_id,
    clientSecret: options.client_secret,
    clientAuthMethod: 'client_secret_basic',
    secret,
    authorizationParams: { response_type: 'code', scope }
  }))
  app.use(createProxyMiddleware({
    target: upstream,
    agent: new Agent({ keepAlive: true }),
    on: { proxyReq: (outgoing, request) => outgoing.setHeader('x-access-token', request.oidc.accessToken.access_token) }
  }))
  server.on('request', app)
  announce(`http://127.0.0.1:${port}`)
})
