import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../session.ts'
import type { Lock, SessionCoordinator } from '../session-coordinator.ts'
import { createManualClock, withinLimit, type ContractCase, type ManualClock } from './contract-case.ts'

const PATIENCE_MS = 2000

/** What the author of a coordinator gives to each case. */
export interface CoordinatorHarness {
  /**
   * Two coordinators that agree with each other, as two instances would, and know nothing from another case;
   * within one process the same one twice. They take the time of end marks from `clock`. The case closes both.
   */
  createPair (options: { readonly clock: Clock }): Promise<readonly [SessionCoordinator, SessionCoordinator]> | readonly [SessionCoordinator, SessionCoordinator]
}

export type CoordinatorCase = ContractCase<CoordinatorHarness>

/** Where a case plays. */
export interface CoordinatorScene {
  readonly here: SessionCoordinator
  readonly there: SessionCoordinator
  readonly time: ManualClock
}

export function coordinatorCase (name: string, play: (scene: CoordinatorScene) => Promise<void>): CoordinatorCase {
  async function playAndClose ({ createPair }: CoordinatorHarness): Promise<void> {
    const time = createManualClock()
    const [here, there] = await createPair({ clock: time.now })
    try {
      await play({ here, there, time })
    } finally {
      await here.close()
      await there.close()
    }
  }
  return { name, run: harness => withinLimit(playAndClose(harness)) }
}

/** For what another instance hears a moment later. */
export async function eventually (what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS
  while (!await holds()) {
    assert.ok(performance.now() < endMs, `${what}: not within ${PATIENCE_MS} ms`)
    await sleep(10)
  }
}

export async function mustLock (coordinator: SessionCoordinator, key: string, ttlMs: number): Promise<Lock> {
  const lock = await coordinator.lock(key, ttlMs)
  assert.ok(lock !== null, `${key} is held`)
  return lock
}
