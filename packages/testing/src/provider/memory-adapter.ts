import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider'

interface Entry {
  readonly payload: AdapterPayload
  readonly expiresAtMs: number
}

const SWEEP_EVERY = 1000

/**
 * Storage of one provider. The provider's own in-memory adapter is shared by the whole process
 * and forgets what is over 1000 entries, which a load test reaches.
 */
class MemoryAdapter implements Adapter {
  readonly #model: string
  readonly #entries: Map<string, Entry>

  constructor (model: string, entries: Map<string, Entry>) {
    this.#model = model
    this.#entries = entries
  }

  async upsert (id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    this.#entries.set(this.#key(id), { payload, expiresAtMs: expiresIn === undefined ? Infinity : Date.now() + expiresIn * 1000 })
    if (this.#entries.size % SWEEP_EVERY === 0) this.#sweep()
  }

  async find (id: string): Promise<AdapterPayload | undefined> {
    const entry = this.#entries.get(this.#key(id))
    return entry === undefined || entry.expiresAtMs <= Date.now() ? undefined : entry.payload
  }

  async findByUid (uid: string): Promise<AdapterPayload | undefined> {
    return this.#search(payload => payload.uid === uid)
  }

  async findByUserCode (userCode: string): Promise<AdapterPayload | undefined> {
    return this.#search(payload => payload.userCode === userCode)
  }

  async consume (id: string): Promise<void> {
    const entry = this.#entries.get(this.#key(id))
    if (entry !== undefined) entry.payload.consumed = Math.floor(Date.now() / 1000)
  }

  async destroy (id: string): Promise<void> {
    this.#entries.delete(this.#key(id))
  }

  async revokeByGrantId (grantId: string): Promise<void> {
    for (const [key, { payload }] of this.#entries) {
      if (payload.grantId === grantId && key.startsWith(`${this.#model}:`)) this.#entries.delete(key)
    }
  }

  #key (id: string): string {
    return `${this.#model}:${id}`
  }

  #search (matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    for (const [key, { payload, expiresAtMs }] of this.#entries) {
      if (key.startsWith(`${this.#model}:`) && expiresAtMs > Date.now() && matches(payload)) return payload
    }
    return undefined
  }

  #sweep (): void {
    const now = Date.now()
    for (const [key, { expiresAtMs }] of this.#entries) {
      if (expiresAtMs <= now) this.#entries.delete(key)
    }
  }
}

/** One storage for all models of one provider. */
export function createMemoryAdapter (): AdapterFactory {
  const entries = new Map<string, Entry>()
  return model => new MemoryAdapter(model, entries)
}
