import { createGateway } from 'fastify-oidc-gateway'
import { createTestProvider, type TestProvider } from 'fastify-oidc-testing'
import { demoConfiguration } from './configuration.ts'
import { startUpstream } from './upstream.ts'

const DEFAULT_PORT = 4180
const FIRST_PROVIDER_PORT = 9400
const PROVIDER_PORTS = 20
const STOP_WITHIN_MS = 1500

type Close = () => Promise<unknown>

function hasCode (error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** null: not a port. */
function readPort (text: string | undefined): number | null {
  if (text === undefined || text === '') return DEFAULT_PORT
  const port = Number(text)
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null
}

/** The same port at each start, if it is free: browsers remember the provider's page by it. */
async function startProvider (applicationPort: number): Promise<TestProvider> {
  const origins = [`http://127.0.0.1:${applicationPort}`, `http://localhost:${applicationPort}`]
  for (let port = FIRST_PROVIDER_PORT; port < FIRST_PROVIDER_PORT + PROVIDER_PORTS; port++) {
    try {
      return await createTestProvider({
        port,
        resource: 'urn:demo:api',
        redirectUris: origins.map(origin => `${origin}/callback`),
        postLogoutRedirectUris: origins.map(origin => `${origin}/`)
      })
    } catch (error) {
      if (!hasCode(error, 'EADDRINUSE')) throw error
    }
  }
  throw new Error(`no port for the provider: ${FIRST_PROVIDER_PORT} to ${FIRST_PROVIDER_PORT + PROVIDER_PORTS - 1} are all taken`)
}

function welcome (port: number, provider: TestProvider, upstream: string): string {
  return `
  fastify-oidc demo

  Open      http://127.0.0.1:${port}/
  Sign in   as alice or bob, with any password
  Stop      Ctrl-C

  gateway   http://127.0.0.1:${port}
  provider  ${provider.issuer}
  upstream  ${upstream}
`
}

async function start (port: number, closers: Close[]): Promise<void> {
  const provider = await startProvider(port)
  closers.unshift(provider.close)
  const upstream = await startUpstream()
  closers.unshift(upstream.close)
  const gateway = await createGateway(demoConfiguration(port, provider, upstream.origin), { drainTimeout: 1 })
  closers.unshift(async () => { await gateway.close() })
  await gateway.listen()
  console.log(welcome(port, provider, upstream.origin))
}

/** What hangs is not waited for. */
async function stop (closers: readonly Close[], exitCode: number): Promise<never> {
  setTimeout(() => process.exit(exitCode), STOP_WITHIN_MS).unref()
  await Promise.allSettled(closers.map(async close => await close()))
  process.exit(exitCode)
}

function explain (error: unknown, port: number): string {
  if (hasCode(error, 'EADDRINUSE')) return `Port ${port} is taken. Stop what listens there, or choose another: PORT=${port + 1} npm start`
  return `The demo did not start: ${error instanceof Error ? error.message : String(error)}`
}

async function main (): Promise<void> {
  const port = readPort(process.env.PORT)
  if (port === null) {
    console.error('PORT must be a port number, 1 to 65535.')
    process.exit(1)
  }
  const closers: Close[] = []
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { stop(closers, 0).catch(() => process.exit(1)) })
  try {
    await start(port, closers)
  } catch (error) {
    console.error(explain(error, port))
    await stop(closers, 1)
  }
}

await main()
