// HTTP/1.1 with next to no cost: the machine that drives a gateway to its limit must not be the slower of the two.
import { once } from 'node:events'
import { connect } from 'node:net'

const END_OF_HEAD = '\r\n\r\n'

function readHead (text) {
  const lines = text.split('\r\n')
  const setCookies = []
  let length = null
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    if (name === 'set-cookie') setCookies.push(line.slice(colon + 1).trim())
    if (name === 'content-length') length = Number(line.slice(colon + 1))
  }
  const status = Number(lines[0].split(' ')[1])
  if (length === null && status !== 204 && status !== 304) throw new Error(`an answer without a length: ${lines[0]}`)
  return { status, setCookies, length: length ?? 0 }
}

/** One connection, one request at a time. An answer is `{ status, setCookies, body }`. */
export async function openWire (port) {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  await once(socket, 'connect')
  let [received, waiting] = ['', null]

  function settle (error, answer) {
    const asked = waiting
    waiting = null
    if (error === null) asked?.resolve(answer)
    else asked?.reject(error)
  }

  function read () {
    const end = received.indexOf(END_OF_HEAD)
    if (end < 0) return
    const head = readHead(received.slice(0, end))
    const start = end + END_OF_HEAD.length
    if (received.length < start + head.length) return
    const body = received.slice(start, start + head.length)
    received = received.slice(start + head.length)
    settle(null, { ...head, body })
  }

  socket.setEncoding('latin1').on('data', text => {
    received += text
    try {
      read()
    } catch (error) {
      settle(error)
    }
  })
  socket.on('error', error => settle(error))
  socket.on('close', () => settle(new Error('the connection was closed before the answer')))

  return {
    ask: bytes => new Promise((resolve, reject) => {
      waiting = { resolve, reject }
      socket.write(bytes)
    }),
    close: () => socket.destroy()
  }
}

/** Asks, and is gone before the answer. */
export async function askAndGo (port, bytes) {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  socket.write(bytes, () => setImmediate(() => socket.destroy()))
  await once(socket, 'close')
}
