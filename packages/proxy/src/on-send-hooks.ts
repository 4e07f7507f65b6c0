import type { FastifyInstance } from 'fastify'

/** `fastify-oidc` keeps answers private, which is done here as well; Fastify's own cuts the body off a HEAD. */
const NOTHING_LOST: ReadonlySet<string> = new Set(['sealPrivateAnswer()', 'headRouteOnSendHandler()'])

const HOOKS = /• \((?<hook>onSend|preHandler)\) (?<names>\[.*\])\s*$/

const printed = new WeakMap<object, string>()

/** Fastify shows the hooks of a route here alone. */
function print (fastify: FastifyInstance): string {
  const known = printed.get(fastify.server)
  if (known !== undefined) return known
  const text = fastify.printRoutes({ commonPrefix: false, includeMeta: ['preHandler', 'onSend'] })
  printed.set(fastify.server, text)
  return text
}

/**
 * The names of the `onSend` hooks of the routes that have this `preHandler`, but for those that nobody misses. Known
 * when the application is ready.
 */
export function onSendHooksOf (fastify: FastifyInstance, preHandler: string): readonly string[] {
  const found = new Set<string>()
  let isOurs = false
  for (const line of print(fastify).split('\n')) {
    const { hook, names = '[]' } = HOOKS.exec(line)?.groups ?? {}
    if (hook === undefined) isOurs = false
    else if (hook === 'preHandler') isOurs = names.includes(`"${preHandler}()"`)
    else if (isOurs) for (const name of JSON.parse(names) as string[]) found.add(name)
  }
  return [...found].filter(name => !NOTHING_LOST.has(name))
}
