import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

// Room for an access token of 100 KB at userinfo.
const MAX_HEADER_BYTES = 131_072

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

/** @rejects EADDRINUSE when the port is taken */
export async function listen (port: number, host = '127.0.0.1'): Promise<Listener> {
  const requests: string[] = []
  let handler: RequestListener = (_request, response) => { response.writeHead(503).end() }
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    requests.push(`${request.method ?? ''} ${request.url?.split('?')[0] ?? ''}`)
    handler(request, response)
  })
  const listenOn = async (port: number): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => { server.off('error', reject); resolve() })
    })
  }
  await listenOn(port)
  const { port: ownPort } = server.address() as AddressInfo
  return {
    origin: `http://${host}:${ownPort}`,
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
