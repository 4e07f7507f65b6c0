import { createRedisLink, type Log } from 'fastify-oidc-redis-store'
import { checkSecure, checkSize } from './cookie-checks.ts'
import type { Outside } from './addresses.ts'
import { fail, ok, warn, type Finding } from './finding.ts'
import type { Patient, SessionOptions } from './patient.ts'

const CHECK = 'Redis'
const LONGEST_WAIT_MS = 5000
/** Of one answer: each request of a session waits for it. */
const SLOW_MS = 20
const TESTED_VERSION = 7

type Redis = NonNullable<SessionOptions['redis']>

function nameOf ({ host, port, url, unix_socket: socket, sentinels, cluster }: Redis): string {
  if (socket !== undefined) return socket
  if (url !== undefined) return new URL(url).host
  const nodes = sentinels ?? cluster
  return nodes === undefined ? `${host}:${port}` : nodes.map(node => `${node.host}${node.port === undefined ? '' : `:${node.port}`}`).join(', ')
}

const fieldOf = (info: string, name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''

function judgeVersion (info: string, place: string, answerMs: number): Finding {
  const version = fieldOf(info, 'redis_version').replace(/[^\w.-]/g, '').slice(0, 20)
  const what = `${place} answers in ${answerMs < 1 ? 'under 1' : Math.round(answerMs)} ms${version === '' ? '' : `, version ${version}`}`
  if (answerMs > SLOW_MS) return warn(CHECK, `${what}: each request of a session waits for it`, 'put Redis nearer, or set session.redis.client_cache')
  if (version !== '' && Number.parseInt(version, 10) < TESTED_VERSION) return warn(CHECK, `${what}, which is older than what was tested`, `run Redis ${TESTED_VERSION} or later`)
  return ok(CHECK, what)
}

function judgeEviction (info: string): Finding[] {
  const [policy, limit] = [fieldOf(info, 'maxmemory_policy'), fieldOf(info, 'maxmemory')]
  if (policy === '' || policy === 'noeviction' || limit === '' || limit === '0') return []
  return [warn(CHECK, `forgets keys when its memory is full (maxmemory-policy ${policy.replace(/[^\w-]/g, '').slice(0, 30)}), and logouts with them`, 'set maxmemory-policy noeviction, and maxmemory large enough')]
}

/** The last line of the link's log that says why. */
function keepReason (): { log: Log, reason: () => string | null } {
  let last: string | null = null
  const keep = (_fields: object, text?: string): void => { last = text ?? last }
  return { log: { debug: () => {}, info: () => {}, warn: keep, error: keep } as unknown as Log, reason: () => last }
}

async function within<T> (work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | null = null
  const late = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => { reject(new Error(`no answer within ${ms / 1000} s`)) }, ms) })
  try {
    return await Promise.race([work, late])
  } finally {
    if (timer !== null) clearTimeout(timer)
  }
}

async function checkRedis (redis: Redis): Promise<Finding[]> {
  const place = nameOf(redis)
  const { log, reason } = keepReason()
  const link = createRedisLink(redis, log)
  try {
    await within(link.ready(), LONGEST_WAIT_MS)
    const startedAt = performance.now()
    await link.run(async client => await client.ping())
    const answerMs = performance.now() - startedAt
    const info = await within(link.run(async client => await client.info()), LONGEST_WAIT_MS).catch(() => '')
    return [judgeVersion(info, place, answerMs), ...judgeEviction(info)]
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : error instanceof Error ? error.message : String(error)
    return [fail(CHECK, reason() ?? `${place} cannot be used: ${cause}`, 'start Redis there, or correct session.redis: host, port, ssl, username and password')]
  } finally {
    await link.close()
  }
}

/** Where sessions live. */
export async function checkSessions (patient: Patient, outside: Outside, maxHeaderSize: number): Promise<Finding[]> {
  const { bearer_only: bearerOnly, session } = patient.options
  if (bearerOnly || session === undefined) return []
  const isStored = session.storage === 'redis'
  const usesRedis = isStored || session.coordination === 'redis'
  return [
    checkSecure(patient, outside, session),
    ...isStored ? [] : [await checkSize(patient, maxHeaderSize)],
    ...usesRedis && session.redis !== undefined ? await checkRedis(session.redis) : []
  ]
}
