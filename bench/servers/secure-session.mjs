// @fastify/secure-session and @fastify/http-proxy with a login by hand.
import { createHash } from 'node:crypto'
import httpProxy from '@fastify/http-proxy'
import secureSession from '@fastify/secure-session'
import fastify from 'fastify'
import { announce, settings } from '../announce.mjs'
import { addLogin, replyOptions } from '../handmade-login.mjs'

const app = fastify()
await app.register(secureSession, { key: createHash('sha256').update(settings.secret).digest(), cookie: { path: '/', httpOnly: true, sameSite: 'lax' } })
await addLogin(app, settings)
await app.register(httpProxy, { upstream: settings.upstream, replyOptions })
announce(await app.listen({ host: '127.0.0.1', port: 0 }))
