import { changeCases } from './store-changes.ts'
import { handleCases } from './store-handles.ts'
import { revocationCases } from './store-revocation.ts'
import type { StoreCase } from './store-scene.ts'

/**
 * What every `SessionStore` promises, for any test runner.
 * @example
 * for (const { name, run } of sessionStoreContract) test(name, () => run({ createStore: ({ clock }) => createMyStore({ clock }) }))
 */
export const sessionStoreContract: readonly StoreCase[] = [...handleCases, ...changeCases, ...revocationCases]
