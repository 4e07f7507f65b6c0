import Fastify from 'fastify'
import oidc, { checkOidcOptions, type OidcOptions, type RevokeTarget } from 'fastify-oidc'
import { endMarkLife, formatPath, type RevocationTarget, type SessionSummary } from 'fastify-oidc-session-store'
import type { DestinationStream } from 'pino'
import { canonical, type GatewayCore } from '../configuration/cores.ts'

/** Where sessions of the same client live together, whichever routes they are for. */
export interface SessionHome {
  /** Places of the routes. */
  readonly routes: readonly string[]
  /** For people: where it came from a reference it may be that. */
  readonly clientId: string
  /** `alone`: in browsers, and no other process can be told that one is over. `announced`: in browsers, and all can. */
  readonly reach: 'stored' | 'announced' | 'alone'
  /** What a core that knows them is registered with. */
  readonly options: Readonly<Record<string, unknown>>
}

/** A home whose sessions can be asked for. */
export interface OpenHome {
  inspect (target: RevocationTarget | 'all'): AsyncIterable<SessionSummary>
  /** null: the provider cannot be asked who it is. */
  issuer (): Promise<string | null>
  /** Everywhere: in the store, and announced. Answers how many; null where they cannot be counted. */
  revoke (target: RevokeTarget): Promise<number | null>
  close (): Promise<void>
}

type SessionOptions = NonNullable<ReturnType<typeof checkOidcOptions>['options']['session']>

const SILENT_PROVIDER = ['FST_OIDC_PROVIDER_UNAVAILABLE', 'FST_OIDC_PROVIDER_INVALID']

function reachOf ({ storage, coordination }: SessionOptions): SessionHome['reach'] {
  if (storage === 'redis') return 'stored'
  return coordination === 'redis' ? 'announced' : 'alone'
}

const lifeOf = ({ absolute_timeout: absolute }: SessionOptions): number => endMarkLife(absolute)

/** One for all cores that open the same sessions; none for cores that accept bearer tokens alone. */
export function findSessionHomes (cores: readonly GatewayCore[]): SessionHome[] {
  const homes = new Map<string, { home: SessionHome, life: number }>()
  for (const { options, routes } of cores) {
    const { session, client_id: clientId, discovery, bearer_only: bearerOnly } = checkOidcOptions(options).options
    if (bearerOnly || session === undefined) continue
    const key = canonical([discovery, clientId, session.storage, session.coordination, session.secret, session.secret_fallbacks, session.redis])
    const places = routes.map(({ route }) => formatPath(route.place))
    const known = homes.get(key)
    // The longest life decides how long an end is remembered.
    const life = Math.max(lifeOf(session), known?.life ?? 0)
    homes.set(key, {
      home: {
        routes: [...known?.home.routes ?? [], ...places],
        clientId,
        reach: reachOf(session),
        options: known !== undefined && known.life === life ? known.home.options : options
      },
      life
    })
  }
  return [...homes.values()].map(({ home }) => home)
}

/** Opens a home without serving anything. `logStream` gets what is worth a warning. */
export async function openHome (home: SessionHome, logStream: DestinationStream): Promise<OpenHome> {
  const app = Fastify({ logger: { level: 'warn', stream: logStream } })
  try {
    // Registered and not made ready: the provider is asked when somebody needs it.
    await app.register(oidc, home.options as OidcOptions)
  } catch (error) {
    await app.close()
    throw error
  }
  return {
    inspect: target => app.oidcSessionStore.inspect(target),
    revoke: async target => await app.oidc.revoke(target),
    close: async () => { await app.close() },
    async issuer () {
      try {
        await app.oidc.ready('provider')
      } catch (error) {
        if (!SILENT_PROVIDER.includes(String((error as { code?: unknown }).code))) throw error
      }
      return app.oidc.issuer
    }
  }
}
