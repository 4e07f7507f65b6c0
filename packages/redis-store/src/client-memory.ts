import type { CacheCounts } from 'fastify-oidc-session-store'
import type { ChangeListener, KeyTracking } from './key-tracking.ts'
import type { SessionTable } from './session-table.ts'
import { createVouchedSessions, type NamedSession, type Reading } from './vouched-sessions.ts'

/** What of the sessions that are remembered need not be asked for. */
export interface ClientMemory<Remembered extends NamedSession> {
  /** null: nothing is answered from memory. */
  readonly counts: CacheCounts | null
  /** Whether Redis has this still, or had it less than a second ago. */
  vouchesFor (remembered: Remembered): boolean
  begin (name: string): Reading | null
  end (reading: Reading | null, remembered: Remembered | null): void
  leave (remembered: Remembered): void
  /** The same table; what is written to it is not vouched for any more when the answer is there. */
  behind (table: SessionTable): SessionTable
  close (): void
}

export interface ClientMemoryOptions {
  readonly track: (prefix: string, listener: ChangeListener) => KeyTracking
  /** In front of each name. */
  readonly prefix: string
}

/** For a store that asks each time. */
export function createNoMemory<Remembered extends NamedSession> (): ClientMemory<Remembered> {
  return {
    counts: null,
    vouchesFor: () => false,
    begin: () => null,
    end: () => {},
    leave: () => {},
    behind: table => table,
    close: () => {}
  }
}

function forgetting (table: SessionTable, forget: (name: string) => void): SessionTable {
  const after = <Args extends readonly unknown[], Answer>(write: (name: string, ...args: Args) => Promise<Answer>) => async (name: string, ...args: Args): Promise<Answer> => {
    try {
      return await write(name, ...args)
    } finally {
      forget(name)
    }
  }
  return { ...table, write: after(table.write), replace: after(table.replace), touch: after(table.touch), remove: after(table.remove), removeRevision: after(table.removeRevision) }
}

/** Redis tells which sessions change; all others need not be asked for. */
export function createClientMemory<Remembered extends NamedSession> ({ track, prefix }: ClientMemoryOptions): ClientMemory<Remembered> {
  const counts = { hits: 0, misses: 0 }
  const vouched = createVouchedSessions<Remembered>(() => tracking.isHeard)
  const tracking = track(prefix, {
    changed: keys => { for (const key of keys) vouched.forget(key.slice(prefix.length)) },
    lost: vouched.forgetAll
  })

  return {
    counts,
    vouchesFor (remembered) {
      // In this order: whoever asks keeps the tracking awake.
      if (!tracking.isFresh() || !vouched.has(remembered)) return false
      counts.hits++
      return true
    },
    begin (name) {
      counts.misses++
      return vouched.begin(name)
    },
    end (reading, remembered) { if (reading !== null) vouched.end(reading, remembered) },
    leave: vouched.leave,
    behind: table => forgetting(table, vouched.forget),
    close: () => {
      tracking.close()
      vouched.forgetAll()
    }
  }
}
