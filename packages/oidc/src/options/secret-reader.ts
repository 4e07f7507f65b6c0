import type { SecretManager } from './secret-managers.ts'
import type { SecretReference } from './secret-reference.ts'
import { createVault, type Vault } from './vault.ts'
import { VaultFault } from './vault-http.ts'

/** Code that reads secrets of other managers, by the reference as it is written: `$secret://aws/1/oidc/client`. */
export type ResolveSecret = (reference: string) => string | Promise<string>

export type SecretAnswer =
  | { readonly kind: 'secret', readonly value: string }
  | { readonly kind: 'problem', readonly message: string }

/** Reads secrets, each path and each reference once. */
export interface SecretReader {
  /** What keeps the reference from being read anywhere; null: it can be tried. */
  findMistake (reference: SecretReference): string | null
  read (reference: SecretReference): Promise<SecretAnswer>
  close (): Promise<void>
}

const MAX_LENGTH = 1024 * 1024
const MAX_CAUSE = 200

const problem = (message: string): SecretAnswer => ({ kind: 'problem', message })

function causeOf (error: unknown): string {
  const text = error instanceof Error ? error.message : 'it threw no error'
  return text.slice(0, MAX_CAUSE).replace(/[^\x20-\x7e]+/g, ' ')
}

async function askVault (vault: Vault, { manager, path }: SecretReference): Promise<SecretAnswer> {
  try {
    return { kind: 'secret', value: await vault.read(path.slice(0, -1), path.at(-1) ?? '') }
  } catch (error) {
    if (!(error instanceof VaultFault)) throw error
    return problem(`${manager} ${error.message}`)
  }
}

async function askHook (resolveSecret: ResolveSecret, { text }: SecretReference): Promise<SecretAnswer> {
  try {
    const value: unknown = await resolveSecret(text)
    if (typeof value !== 'string') return problem('resolveSecret answered no text')
    return value.length > MAX_LENGTH ? problem('resolveSecret answered more than anybody needs') : { kind: 'secret', value }
  } catch (error) {
    return problem(`resolveSecret failed: ${causeOf(error)}`)
  }
}

/** Managers that are written answer for their references; the hook answers for all others. */
export function createSecretReader (managers: ReadonlyMap<string, SecretManager | null>, resolveSecret: ResolveSecret | null): SecretReader {
  const vaults = new Map<string, Vault>()
  const asked = new Map<string, Promise<SecretAnswer>>()

  function vaultOf (manager: SecretManager): Vault {
    const vault = vaults.get(manager.id) ?? createVault(manager)
    vaults.set(manager.id, vault)
    return vault
  }

  async function ask (reference: SecretReference): Promise<SecretAnswer> {
    const manager = managers.get(reference.manager)
    if (manager === null) return problem(`${reference.manager} cannot be asked before its own members hold`)
    if (manager !== undefined) return await askVault(vaultOf(manager), reference)
    return resolveSecret === null ? problem('nobody can be asked') : await askHook(resolveSecret, reference)
  }

  return {
    findMistake ({ manager, path }) {
      if (managers.has(manager)) return path.length < 2 ? 'it needs a path and a key: $secret://vault/<id>/<path>/<key>' : null
      return resolveSecret === null ? `secrets has no manager ${manager}` : null
    },
    read (reference) {
      const answer = asked.get(reference.text) ?? ask(reference)
      asked.set(reference.text, answer)
      return answer
    },
    async close () {
      await Promise.all([...vaults.values()].map(async vault => { await vault.close() }))
    }
  }
}
