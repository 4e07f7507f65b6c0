import { checkOidcOptions } from 'fastify-oidc'
import { formatPath } from 'fastify-oidc-session-store'
import { canonical, type GatewayCore } from '../configuration/cores.ts'

export type CoreOptions = ReturnType<typeof checkOidcOptions>['options']
export type SessionOptions = NonNullable<CoreOptions['session']>

/** One client of one provider, for however many routes and hosts. */
export interface Patient {
  /** Places of the routes. */
  readonly routes: readonly string[]
  readonly hosts: readonly string[]
  /** As the file has them. */
  readonly written: Readonly<Record<string, unknown>>
  /** With defaults and profile. */
  readonly options: CoreOptions
  /** null: there are no logins, or each path has its own. */
  readonly callbackPath: string | null
}

/** Whose provider is to be asked: cores that differ in nothing but their hosts are one. */
export function findPatients (cores: readonly GatewayCore[]): Patient[] {
  const patients = new Map<string, Patient>()
  for (const { options: written, routes, hosts, callbackPath } of cores) {
    const key = canonical(written)
    const known = patients.get(key)
    patients.set(key, {
      routes: [...known?.routes ?? [], ...routes.map(({ route }) => formatPath(route.place))],
      hosts: [...new Set([...known?.hosts ?? [], ...hosts])],
      written,
      options: known?.options ?? checkOidcOptions(written).options,
      callbackPath
    })
  }
  return [...patients.values()]
}
