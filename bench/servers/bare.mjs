// @fastify/http-proxy without any authentication: what everything is measured against.
import httpProxy from '@fastify/http-proxy'
import fastify from 'fastify'
import { announce, settings } from '../announce.mjs'

const app = fastify()
await app.register(httpProxy, { upstream: settings.upstream })
announce(await app.listen({ host: '127.0.0.1', port: 0 }))
