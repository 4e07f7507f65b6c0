import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Memories } from 'fastify-oidc'
import { kPlace } from './route-place.ts'

/** What must work so that requests can be served. */
export interface HealthPart {
  readonly name: string
  /** Rejects while it does not work. */
  readonly check: () => Promise<void>
}

/** One core, as the health paths see it. */
export interface CoreHealth {
  readonly name: string
  /** Asked until it has answered once: a provider that fails later does not take this server out. */
  readonly reached: () => Promise<void>
  readonly storeReady: () => Promise<void>
  readonly consumersReady: () => Promise<void>
  readonly memories: Memories
}

const CHECK_TIMEOUT_MS = 2000

/** A probe is answered in time even where the provider or the store hangs. */
export async function isFine (check: () => Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => { timer = setTimeout(resolve, CHECK_TIMEOUT_MS, false) })
  try {
    return await Promise.race([check().then(() => true, () => false), late])
  } finally {
    clearTimeout(timer)
  }
}

/** What is red, by name. */
export function createReadiness (cores: readonly CoreHealth[]): () => Promise<string[]> {
  const reached = new Set<CoreHealth>()
  async function redOf (core: CoreHealth): Promise<string[]> {
    const [provider, store, consumers] = await Promise.all([
      reached.has(core) ? true : isFine(core.reached),
      isFine(core.storeReady),
      isFine(core.consumersReady)
    ])
    if (provider) reached.add(core)
    return [...provider ? [] : [`provider of ${core.name}`], ...store ? [] : [`sessions of ${core.name}`], ...consumers ? [] : [`consumers of ${core.name}`]]
  }
  return async () => (await Promise.all(cores.map(redOf))).flat()
}

/** Adds the two paths, on every host, outside every guard. */
export function addHealthRoutes (app: FastifyInstance, paths: { readonly pingPath: string, readonly readyPath: string }, red: () => Promise<readonly string[]>): void {
  const add = (url: string, handler: (reply: FastifyReply) => Promise<FastifyReply>): void => {
    app.route({ method: ['GET', 'HEAD'], url, logLevel: 'warn', config: { [kPlace]: 'health' }, handler: async (_request, reply) => await handler(reply.header('cache-control', 'no-store')) })
  }
  add(paths.pingPath, async reply => await reply.send({ status: 'ok' }))
  add(paths.readyPath, async reply => {
    const parts = await red()
    return await reply.code(parts.length === 0 ? 200 : 503).send({ status: parts.length === 0 ? 'ready' : 'not ready', red: parts })
  })
}
