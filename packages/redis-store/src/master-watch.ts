import { Redis, type RedisOptions } from 'ioredis'

const CHANNEL = '+switch-master'
/** What is said may be missed, and a sentinel may be the one that hears nothing of the others. */
const ASK_EVERY_MS = 500

/** Where sentinels say that the master is. */
export interface MasterAddress {
  readonly host: string
  readonly port: number
}

export interface MasterWatchOptions {
  /** One for each sentinel: one that answers is asked. */
  readonly sentinels: readonly RedisOptions[]
  readonly masterName: string
  /** Nobody is asked while nobody wants to know. */
  isWanted (): boolean
  /** Another than before. Answers whether it is followed; if it cannot be now, it is told again. */
  onMoved (master: MasterAddress): boolean
}

/**
 * Listens to a sentinel, and asks it now and then where the master is. A former one that was away may answer for seconds after they have named another, and all that it takes then is lost.
 * @returns ends it
 */
export function watchMaster ({ sentinels, masterName, isWanted, onMoved }: MasterWatchOptions): () => void {
  let turn = 0
  let connections: { readonly asking: Redis, readonly hearing: Redis } | null = null
  let timer: NodeJS.Timeout | null = null
  let looking: Promise<void> | null = null
  let known: string | null = null
  let closed = false

  const leave = (): void => {
    connections?.asking.disconnect()
    connections?.hearing.disconnect()
    connections = null
  }
  const open = (): Redis => {
    const opened = new Redis({ ...sentinels[turn % sentinels.length] })
    opened.on('error', () => {})
    return opened
  }
  const openBoth = (): { readonly asking: Redis, readonly hearing: Redis } => {
    const [asking, hearing] = [open(), open()]
    hearing.on('message', lookNow)
    hearing.once('end', () => { if (connections?.hearing === hearing) leave() })
    hearing.subscribe(CHANNEL).catch(() => {})
    return { asking, hearing }
  }
  const askOne = async (): Promise<MasterAddress | null> => {
    connections ??= openBoth()
    const answer = await connections.asking.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName)
    return Array.isArray(answer) ? { host: String(answer[0]), port: Number(answer[1]) } : null
  }
  const ask = async (): Promise<MasterAddress | null> => {
    for (let asked = 0; asked < sentinels.length; asked++) {
      if (closed) return null
      const found = await askOne().catch(() => null)
      if (found !== null) return found
      leave()
      turn++
    }
    return null
  }
  const look = async (): Promise<void> => {
    const found = isWanted() ? await ask() : null
    if (found === null || closed) return
    const address = `${found.host} ${found.port}`
    if (known === null || known === address || onMoved(found)) known = address
  }
  const lookLater = (): void => { timer = setTimeout(lookNow, ASK_EVERY_MS).unref() }
  function lookNow (): void {
    if (looking !== null) return
    if (timer !== null) clearTimeout(timer)
    looking = look().catch(() => {}).finally(() => {
      looking = null
      if (closed) leave()
      else lookLater()
    })
  }
  lookLater()

  return () => {
    closed = true
    if (timer !== null) clearTimeout(timer)
    leave()
  }
}
