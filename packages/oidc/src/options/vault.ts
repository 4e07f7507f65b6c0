import type { SecretManager } from './secret-managers.ts'
import { segmentsOf } from './secret-managers.ts'
import { createVaultHttp, VaultFault, type VaultAnswer } from './vault-http.ts'

/** A KV engine of a Vault, read at boot: one login, and one read for each path. */
export interface Vault {
  /** @rejects VaultFault */
  read (path: readonly string[], key: string): Promise<string>
  close (): Promise<void>
}

type Members = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Members => value !== null && typeof value === 'object' && !Array.isArray(value)

function describeStatus (status: number): string {
  if (status >= 300 && status < 400) return `answers with a redirect (${status}): its uri has to be that of the active node`
  if (status === 503) return 'is sealed or in maintenance (503)'
  return `answers with status ${status}`
}

/** Vault's own hint, where a KV of version 2 is asked as if it were of version 1. */
function isVersioned ({ warnings }: Members): boolean {
  return Array.isArray(warnings) && warnings.some(warning => typeof warning === 'string' && warning.includes('versioned'))
}

function refusalOf ({ status, body }: VaultAnswer, place: string): VaultFault {
  if (status === 403) return new VaultFault(`refuses to read ${place} (403): check that the token is valid, and its policies`)
  if (status !== 404) return new VaultFault(describeStatus(status))
  return new VaultFault(`has nothing at ${place} (404)${isVersioned(body) ? ': it is a KV engine of version 2, so set kv_version: 2' : ''}`)
}

function loginRefusalOf (status: number, place: string): VaultFault {
  if ([400, 401, 403].includes(status)) return new VaultFault(`refuses the login (${status}): check role_id and secret_id`)
  return new VaultFault(status === 404 ? `has no login at ${place} (404): check approle_path` : describeStatus(status))
}

/** Where a path of references is, and what it is called in messages. */
function placesOf ({ prefix, mount, kv_version: version }: SecretManager): (path: readonly string[]) => readonly string[] {
  const base = segmentsOf(prefix)
  const depth = mount === undefined ? 1 : segmentsOf(mount).length
  return path => version === 1 ? [...base, ...path] : [...base.slice(0, depth), 'data', ...base.slice(depth), ...path]
}

function membersOf ({ data }: Members, version: 1 | 2): Members | null {
  const members = version === 2 && isObject(data) ? data.data : data
  return isObject(members) ? members : null
}

function pick (members: Members, key: string, place: string, version: 1 | 2): string {
  const value = Object.hasOwn(members, key) ? members[key] : undefined
  if (typeof value === 'string') return value
  if (value !== undefined) throw new VaultFault(`has no text at ${place} under ${key}`)
  const looksVersioned = version === 1 && isObject(members.data) && isObject(members.metadata)
  throw new VaultFault(`has no ${key} at ${place}${looksVersioned ? ': it is a KV engine of version 2, so set kv_version: 2, with a prefix without data' : ''}`)
}

/** @see https://developer.hashicorp.com/vault/api-docs/secret/kv and https://developer.hashicorp.com/vault/api-docs/auth/approle */
export function createVault (manager: SecretManager): Vault {
  const { token, role_id: roleId, secret_id: secretId, kv_version: version } = manager
  const http = createVaultHttp(manager)
  const placeOf = placesOf(manager)
  const reads = new Map<string, Promise<Members>>()
  let login: Promise<string> | null = null

  async function logIn (): Promise<string> {
    const path = ['auth', ...segmentsOf(manager.approle_path), 'login']
    const { status, body } = await http.ask({ path, token: null, body: { role_id: roleId ?? '', ...secretId === undefined ? {} : { secret_id: secretId } } })
    if (status !== 200) throw loginRefusalOf(status, path.join('/'))
    const given = isObject(body.auth) ? body.auth.client_token : undefined
    if (typeof given !== 'string' || !/^[\x21-\x7e]+$/.test(given)) throw new VaultFault('gave no token at the login')
    return given
  }

  async function readAll (path: readonly string[]): Promise<Members> {
    const place = placeOf(path)
    const answer = await http.ask({ path: place, token: token ?? await (login ??= logIn()), body: null })
    if (answer.status !== 200) throw refusalOf(answer, place.join('/'))
    const members = membersOf(answer.body, version)
    if (members === null) throw new VaultFault(`has no secret of a KV engine of version ${version} at ${place.join('/')}: check prefix and kv_version`)
    return members
  }

  return {
    async read (path, key) {
      const place = placeOf(path).join('/')
      const reading = reads.get(place) ?? readAll(path)
      reads.set(place, reading)
      return pick(await reading, key, place, version)
    },
    close: http.close
  }
}
