import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

// Room for an access token of 100 KB at userinfo.
const MAX_HEADER_BYTES = 131_072

/** TLS that asks callers for a certificate, and serves those that have none as well. */
export interface ListenerTls {
  readonly cert: string
  readonly key: string
  /** Who vouches for callers' certificates. */
  readonly ca?: string
}

/** A server that can leave its port and come back to it. */
export interface Listener {
  readonly origin: string
  /** `POST /token`, in the order of arrival. */
  readonly requests: readonly string[]
  /** What is answered from now on. */
  handle (handler: RequestListener): void
  /** Listens again, on the same port. */
  start (): Promise<void>
  /** Closes the port and every connection. */
  stop (): Promise<void>
}

/** A provider's way in for everybody, and the one for clients with certificates. */
export interface Doors extends Listener {
  /** null: there is none. */
  readonly mutualTlsOrigin: string | null
}

const HOST = '127.0.0.1'

async function listen (port: number, requests: string[], tls: ListenerTls | null): Promise<Listener> {
  let handler: RequestListener = (_request, response) => { response.writeHead(503).end() }
  const receive: RequestListener = (request, response) => {
    requests.push(`${request.method ?? ''} ${request.url?.split('?')[0] ?? ''}`)
    handler(request, response)
  }
  const limits = { maxHeaderSize: MAX_HEADER_BYTES }
  const server = tls === null ? createServer(limits, receive) : createTlsServer({ ...limits, ...tls, requestCert: true, rejectUnauthorized: false }, receive)
  const listenOn = async (port: number): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, HOST, () => { server.off('error', reject); resolve() })
    })
  }
  await listenOn(port)
  const { port: ownPort } = server.address() as AddressInfo
  return {
    origin: `${tls === null ? 'http' : 'https'}://${HOST}:${ownPort}`,
    requests,
    handle: next => { handler = next },
    start: async () => { if (!server.listening) await listenOn(ownPort) },
    stop: async () => {
      if (!server.listening) return
      const closed = new Promise<void>(resolve => { server.close(() => { resolve() }) })
      server.closeAllConnections()
      await closed
    }
  }
}

/** @rejects EADDRINUSE when the port is taken */
export async function openDoors (port: number, tls: ListenerTls | null): Promise<Doors> {
  const requests: string[] = []
  const front = await listen(port, requests, null)
  if (tls === null) return { ...front, mutualTlsOrigin: null }
  const side = await listen(0, requests, tls).catch(async (error: unknown) => {
    await front.stop()
    throw error
  })
  return {
    ...front,
    mutualTlsOrigin: side.origin,
    handle (handler) { front.handle(handler); side.handle(handler) },
    start: async () => { await Promise.all([front.start(), side.start()]) },
    stop: async () => { await Promise.all([front.stop(), side.stop()]) }
  }
}
