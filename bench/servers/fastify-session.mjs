// @fastify/session over Redis and @fastify/http-proxy with a login by hand; a session is written where it changed.
import cookie from '@fastify/cookie'
import httpProxy from '@fastify/http-proxy'
import session from '@fastify/session'
import fastify from 'fastify'
import { Redis } from 'ioredis'
import { announce, settings } from '../announce.mjs'
import { addLogin, replyOptions } from '../handmade-login.mjs'

const LIFETIME = 3600
const redis = new Redis(settings.redis)

function settle (promise, done) {
  promise.then(value => done(null, value), done)
}

const store = {
  get: (id, done) => settle(redis.get(`session:${id}`).then(text => text === null ? null : JSON.parse(text)), done),
  set: (id, value, done) => settle(redis.set(`session:${id}`, JSON.stringify(value), 'EX', LIFETIME), done),
  destroy: (id, done) => settle(redis.del(`session:${id}`), done)
}

const app = fastify()
await app.register(cookie)
await app.register(session, { secret: settings.secret, store, saveUninitialized: false, rolling: false, cookie: { path: '/', secure: false, sameSite: 'lax', maxAge: LIFETIME * 1000 } })
await addLogin(app, settings)
await app.register(httpProxy, { upstream: settings.upstream, replyOptions })
announce(await app.listen({ host: '127.0.0.1', port: 0 }))
