import { Type, type Static } from '@sinclair/typebox'
import { checkOptions, withDefault, type OptionProblem, type Resolved } from 'fastify-oidc-session-store'
import { splitPath } from './secret-reference.ts'

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))
/** What can stand in a header. */
const headerText = (description: string) => Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]+$', description }))

/** One entry of `secrets`: a HashiCorp Vault, or an OpenBao. */
export const secretManagerSchema = Type.Object({
  id: Type.String({ pattern: '^vault/[A-Za-z0-9._-]{1,64}$', description: '`vault/<id>`: references to it begin with `$secret://vault/<id>/`. Other managers are asked by the hook `resolveSecret`.' }),
  uri: Type.String({ pattern: '^https?://', description: 'Address of the server: `https://vault.example.com:8200`.' }),
  prefix: Type.String({ minLength: 1, description: 'Where the secrets are: the mount of the KV engine, and a path in it: `kv/apisix`.' }),
  token: headerText('Token that may read them. Or log in with `role_id`.'),
  role_id: text('Role of an AppRole login, in place of `token`.'),
  secret_id: text('Secret of that login; left out where the role needs none.'),
  approle_path: withDefault(Type.String({ minLength: 1, description: 'Where AppRole logins are mounted, below `auth/`.' }), 'approle'),
  namespace: headerText('Namespace of the mounts (Vault Enterprise, OpenBao).'),
  kv_version: withDefault(Type.Union([Type.Literal(1), Type.Literal(2)], { description: 'Version of the KV engine: 1, or 2 with versioned secrets, of which the newest is read.' }), 1),
  mount: text('With `kv_version: 2`: the mount, where it is more than the first segment of `prefix`.'),
  ssl_verify: withDefault(Type.Boolean({ description: "Verify the server's certificate." }), true),
  ca: Type.Optional(Type.String({ pattern: '-----BEGIN ', description: 'Certificates that vouch for the server, in place of those of Node. PEM.' })),
  timeout: withDefault(Type.Number({ exclusiveMinimum: 0, maximum: 60, description: 'Time that reading everything from it may take, repeated attempts included, in seconds. In a plugin it has to stay below the `pluginTimeout` of Fastify.' }), 5)
}, { additionalProperties: false })

/** What stands in the options. */
export type SecretManagerOptions = Static<typeof secretManagerSchema>
/** With defaults filled in. */
export type SecretManager = Resolved<typeof secretManagerSchema>

/** The list, as options have it. */
export const secretsSchema = Type.Optional(Type.Array(secretManagerSchema, { description: 'Managers that `$secret://vault/<id>/<path>/<key>` references are read from at boot: HashiCorp Vault, or OpenBao, with a KV engine. A member may be a reference to the environment: `token: $ENV://VAULT_TOKEN`.' }))

function isPlainUrl (uri: string): boolean {
  if (!URL.canParse(uri)) return false
  const { username, password, search, hash } = new URL(uri)
  return username === '' && password === '' && search === '' && hash === ''
}

const trim = (path: string): string => path.replace(/^\/+|\/+$/g, '')

/** The segments of a manager's path, whatever slashes stand around it. */
export const segmentsOf = (path: string): readonly string[] => splitPath(trim(path)) ?? []

function checkManager (manager: SecretManagerOptions): OptionProblem[] {
  const { uri, prefix, token, role_id: roleId, secret_id: secretId, mount, kv_version: version = 1, approle_path: approlePath = 'approle' } = manager
  const problems: Array<[name: string, message: string, isWrong: boolean]> = [
    ['uri', 'is not a URL without user name, query and fragment', !isPlainUrl(uri)],
    ['prefix', 'has an empty segment, or . or .. as one', segmentsOf(prefix).length === 0],
    ['approle_path', 'has an empty segment, or . or .. as one', segmentsOf(approlePath).length === 0],
    ['token', 'is required where there is no role_id', token === undefined && roleId === undefined],
    ['role_id', 'cannot stand beside token', token !== undefined && roleId !== undefined],
    ['secret_id', 'needs a role_id', secretId !== undefined && roleId === undefined],
    ['mount', 'is only used with kv_version: 2', mount !== undefined && version === 1],
    ['mount', 'is not the beginning of prefix', mount !== undefined && version === 2 && !`${trim(prefix)}/`.startsWith(`${trim(mount)}/`)]
  ]
  return problems.filter(([, , isWrong]) => isWrong).map(([name, message]) => ({ path: [name], message }))
}

/** What the members of each manager have to agree on. */
export function checkSecretManagers ({ secrets = [] }: { readonly secrets?: readonly SecretManagerOptions[] }): OptionProblem[] {
  return secrets.flatMap((manager, index) => {
    const isTaken = secrets.slice(0, index).some(({ id }) => id === manager.id)
    const problems = [...isTaken ? [{ path: ['id'], message: `is the id of an earlier one: ${manager.id}` }] : [], ...checkManager(manager)]
    return problems.map(({ path, message }) => ({ path: ['secrets', String(index), ...path], message }))
  })
}

/** Managers by id, of options that nobody has checked yet; null: one that cannot be asked, and why is said of itself. */
export function managersOf (options: unknown, isUnresolved: (index: number) => boolean): ReadonlyMap<string, SecretManager | null> {
  const written: unknown = options !== null && typeof options === 'object' ? (options as { secrets?: unknown }).secrets : undefined
  const found = new Map<string, SecretManager | null>()
  for (const [index, input] of (Array.isArray(written) ? written as unknown[] : []).entries()) {
    const { options: manager, problems } = checkOptions(secretManagerSchema, input)
    const isUsable = problems.length === 0 && checkManager(manager).length === 0 && !isUnresolved(index)
    const id: unknown = input !== null && typeof input === 'object' ? (input as { id?: unknown }).id : undefined
    if (typeof id === 'string' && !found.has(id)) found.set(id, isUsable ? manager : null)
  }
  return found
}
