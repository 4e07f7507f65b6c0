// Loaded into a gateway's process before it starts. What it connects to, or listens at, leads to ports of this machine,
// so that a file with the addresses of others runs as it is written.
import { Server, Socket } from 'node:net'

/** @type {Readonly<Record<string, number>>} ports by `host:port` */
const played = JSON.parse(process.env.PLAYED_ADDRESSES ?? '{}')

function lead (options) {
  const port = played[`${options?.host ?? 'localhost'}:${options?.port}`]
  return port === undefined ? options : { ...options, host: '127.0.0.1', port }
}

const { connect } = Socket.prototype
Socket.prototype.connect = function (first, ...others) {
  // node:net passes its own arguments on in one list, which it knows again by a mark on the list.
  if (Array.isArray(first)) first[0] = lead(first[0])
  else first = lead(first)
  return connect.call(this, first, ...others)
}

const { listen } = Server.prototype
Server.prototype.listen = function (first, ...others) {
  return listen.call(this, lead(first), ...others)
}
