import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import type { Node } from './nodes.ts'

/** A WebSocket and an event stream of one session. */
export interface Streams {
  /** When each ended, in milliseconds of `performance.now()`, and how. */
  readonly ended: Promise<{ readonly socketAtMs: number, readonly code: number, readonly eventsAtMs: number }>
  isOpen (): boolean
}

export async function openStreams ({ origin }: Node, core: string, cookie: string): Promise<Streams> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/${core}/socket`, { headers: { cookie, origin } })
  const outgoing = httpRequest(`${origin}/${core}/events`, { headers: { accept: 'text/event-stream', cookie } }).end()
  const [, [events]] = await Promise.all([once(socket, 'message'), once(outgoing, 'response') as Promise<[IncomingMessage]>])
  if (events.statusCode !== 200) throw new Error(`the event stream is ${events.statusCode}`)
  await once(events, 'data')
  let open = 2
  const socketEnded = (once(socket, 'close') as Promise<[number]>).then(([code]) => { open--; return { code, socketAtMs: performance.now() } })
  const eventsEnded = once(events, 'end').then(() => { open--; return { eventsAtMs: performance.now() } })
  events.resume()
  return {
    ended: Promise.all([socketEnded, eventsEnded]).then(([one, two]) => ({ ...one, ...two })),
    isOpen: () => open === 2
  }
}
