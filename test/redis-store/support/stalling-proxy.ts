import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Owner } from '../../support/redis-process.ts'

/** Stands before a Redis and stalls where a test wants it. */
export interface StallingProxy {
  readonly port: number
  /** How many connections it has been asked for. */
  readonly opened: number
  /** Connections that stand now. */
  readonly standing: number
  /** Takes what is sent and passes nothing on. */
  stallAnswers (): void
  /** Reads nothing, so that the bytes of the client do not drain. */
  stallReading (): void
  /** Passes one more request on, and cuts the connection instead of passing the answer back. */
  cutInsteadOfAnswer (): void
  flow (): void
  cut (): void
  nextConnection (): Promise<void>
  nextEnd (): Promise<void>
}

type Mode = 'flow' | 'answers' | 'reading' | 'cut'

export async function startStallingProxy (owner: Owner, target: { readonly host: string, readonly port: number }): Promise<StallingProxy> {
  const clients = new Set<Socket>()
  let mode: Mode = 'flow'
  let opened = 0
  const server = createServer(client => {
    opened++
    clients.add(client)
    const upstream = connect(target.port, target.host)
    const end = (): void => {
      clients.delete(client)
      client.destroy()
      upstream.destroy()
      server.emit('ended')
    }
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
    client.on('data', chunk => { upstream.write(chunk) })
    upstream.on('data', chunk => {
      if (mode === 'cut') end()
      else if (mode === 'flow') client.write(chunk)
    })
    if (mode === 'reading') client.pause()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => { for (const client of clients) client.destroy() }
  owner.teardown(async () => {
    cut()
    await new Promise(resolve => server.close(resolve))
  })
  return {
    port: (server.address() as AddressInfo).port,
    get opened () { return opened },
    get standing () { return clients.size },
    stallAnswers: () => { mode = 'answers' },
    stallReading: () => {
      mode = 'reading'
      for (const client of clients) client.pause()
    },
    cutInsteadOfAnswer: () => { mode = 'cut' },
    flow: () => {
      mode = 'flow'
      for (const client of clients) client.resume()
    },
    cut,
    nextConnection: async () => { await once(server, 'connection') },
    nextEnd: async () => { await once(server, 'ended') }
  }
}
