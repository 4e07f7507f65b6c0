import { createSealer, createSecretNames, isEndedBy, nameOfTarget, StoreUnavailableError, targetNames, type Clock, type EpochSeconds, type RevocationTarget, type SessionIdentity } from 'fastify-oidc-session-store'
import type { RedisLink } from './redis-link.ts'
import { createScript, runScript } from './redis-script.ts'
import { lifeUntilMs } from './time-to-live.ts'

/** Sessions of the target that were issued at or before the instant are over; kept until `until`. */
export interface EndMark {
  readonly target: RevocationTarget
  readonly before: EpochSeconds
  readonly until: EpochSeconds
}

const BATCH = 500
const MAX_TURNS = 100

// Compare-and-set, since Redis cannot widen what is sealed: answers what stands there when that was not expected.
// Marks whose time has come leave, a hundred at a time. Whoever listens hears of it in the same step.
const WRITE = createScript(2, `
local current = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if current ~= ARGV[2] then return current end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[5], 'LIMIT', 0, 100)
if #over > 0 then
  redis.call('HDEL', KEYS[1], unpack(over))
  redis.call('ZREM', KEYS[2], unpack(over))
end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if last[2] then
  local life = string.format('%.0f', math.min((tonumber(last[2]) - tonumber(ARGV[5])) * 1000, tonumber(ARGV[6])))
  redis.call('PEXPIRE', KEYS[1], life)
  redis.call('PEXPIRE', KEYS[2], life)
end
redis.call('PUBLISH', ARGV[7], ARGV[3])
return false`)

/** End marks in Redis: who can read it learns neither subjects nor ids, who can write to it can make none. */
export interface EndMarkTable {
  /** For a failover, which has to have it: the key that was written. */
  readonly key: string
  /** Of two marks for one target the wider stays. Publishes what stands then. */
  write (mark: EndMark): Promise<void>
  /** Is there a mark that ends this session? Asks Redis. */
  covers (session: SessionIdentity): Promise<boolean>
  /** The marks for whatever this session is. */
  find (session: SessionIdentity): Promise<readonly EndMark[]>
  /** All marks, in batches; one may come twice. */
  load (): AsyncIterable<readonly EndMark[]>
  /** A mark as it is kept and published; null: not one of ours. */
  open (sealed: Buffer): EndMark | null
}

export interface EndMarkTableOptions {
  readonly link: RedisLink
  readonly secret: string
  readonly fallbacks: readonly string[]
  readonly prefix: string
  readonly clock: Clock
}

/** Where coordinators of a prefix listen. */
export function channelOf (prefix: string): string {
  return `${prefix}:said`
}

function widen (known: EndMark | null, mark: EndMark): EndMark {
  if (known === null) return mark
  return { target: mark.target, before: Math.max(known.before, mark.before), until: Math.max(known.until, mark.until) }
}

export function createEndMarkTable ({ link, secret, fallbacks, prefix, clock }: EndMarkTableOptions): EndMarkTable {
  const names = createSecretNames({ secret, fallbacks, purpose: 'redis-end' })
  const sealer = createSealer({ secret, fallbacks, purpose: 'redis-end', binding: '' })
  // One slot for both, since one script writes both.
  const key = `${prefix}:{ends}`
  const untilKey = `${key}:until`
  const notNull = (mark: EndMark | null): mark is EndMark => mark !== null

  function open (sealed: Buffer): EndMark | null {
    const json = sealer.open(sealed)
    return json === null ? null : JSON.parse(json.toString()) as EndMark
  }

  async function find (session: SessionIdentity): Promise<readonly EndMark[]> {
    const fields = targetNames(session).flatMap(names.all)
    const sealed = await link.run(client => client.hmgetBuffer(key, ...fields))
    return sealed.map(each => each === null ? null : open(each)).filter(notNull)
  }

  return {
    key,
    open,
    find,
    async write (mark) {
      const name = names.own(nameOfTarget(mark.target))
      let expected: Buffer = Buffer.alloc(0)
      let wanted = mark
      for (let turn = 0; turn < MAX_TURNS; turn++) {
        const now = clock()
        const current = await runScript(link, WRITE, key, untilKey, name, expected, sealer.seal(Buffer.from(JSON.stringify(wanted))), wanted.until, now, lifeUntilMs(Number.MAX_SAFE_INTEGER, now), channelOf(prefix))
        if (current === null) return
        expected = current as Buffer
        wanted = widen(open(expected), mark)
      }
      throw new StoreUnavailableError({ cause: new Error('An end mark changed each time that it was read') })
    },
    async covers (session) {
      const now = clock()
      return (await find(session)).some(({ target, before, until }) => until > now && isEndedBy(target, before, session))
    },
    async * load () {
      let cursor = '0'
      do {
        const [next, fields] = await link.run(client => client.hscanBuffer(key, cursor, 'COUNT', BATCH))
        cursor = next.toString()
        yield fields.filter((_field, place) => place % 2 === 1).map(open).filter(notNull)
      } while (cursor !== '0')
    }
  }
}
