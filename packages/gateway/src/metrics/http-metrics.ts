import type { FastifyInstance, FastifyReply, FastifyRequest, onResponseHookHandler } from 'fastify'
import { Histogram, type Registry } from 'prom-client'
import { METHODS } from '../configuration/methods.ts'
import { kPlace } from '../server/route-place.ts'

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const STATUS_CLASSES = ['other', '1xx', '2xx', '3xx', '4xx', '5xx']
const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS)

type RequestLabels = 'route' | 'method' | 'status'

function createMeter (seconds: Histogram<RequestLabels>): onResponseHookHandler {
  return function meter (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { method } = request
    seconds.observe({
      route: request.routeOptions.config[kPlace] ?? 'none',
      method: KNOWN_METHODS.has(method) ? method : 'other',
      status: STATUS_CLASSES[Math.trunc(reply.statusCode / 100)] ?? 'other'
    }, reply.elapsedTime / 1000)
    done()
  }
}

/** Counts every request of an application that has no routes yet, by the place of its route in the file. */
export function measureRequests (app: FastifyInstance, register: Registry): void {
  const seconds = new Histogram({
    name: 'oidc_gateway_http_request_duration_seconds',
    help: 'Time until requests were answered, by route, method and class of the status.',
    labelNames: ['route', 'method', 'status'] as const,
    buckets: BUCKETS,
    registers: [register]
  })
  app.addHook('onResponse', createMeter(seconds))
}
