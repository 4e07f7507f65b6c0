import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Network = readonly [address: Address, length: number]

export type ParsedNetwork =
  | { readonly kind: 'network', readonly network: Network }
  | { readonly kind: 'problem', readonly message: string }

/** Addresses and networks, as `trusted_ips` writes them. */
export interface AddressList {
  /** Is it among them? A port behind it does not matter; what is no address is not. */
  covers (address: string): boolean
}

const ENTRY = /^(?<address>[^/]+)(?:\/(?<length>0|[1-9]\d{0,2}))?$/
const MAPPED = 96
const BRACKETED = /^\[([\da-f:.]+)\](?::\d{1,5})?$/i
const WITH_PORT = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/

const bitsOf = (address: Address): number => address.toByteArray().length * 8

const problem = (message: string): ParsedNetwork => ({ kind: 'problem', message })

/** The lowest address of the network. */
function firstOf (address: Address, length: number): Address {
  const bytes = address.toByteArray().map((byte, index) => {
    const kept = Math.max(0, Math.min(8, length - index * 8))
    return byte & (0xff << (8 - kept)) & 0xff
  })
  return ipaddr.fromByteArray(bytes)
}

/** An IPv4 network that is written as part of IPv6 is one. */
function unmap (address: Address, length: number): Network {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && length >= MAPPED ? [address.toIPv4Address(), length - MAPPED] : [address, length]
}

/** An address, or a network by its lowest address. */
export function parseNetwork (entry: string): ParsedNetwork {
  const { address: written = '', length: prefix } = ENTRY.exec(entry)?.groups ?? {}
  if (isIP(written) === 0 || written.includes('%')) return problem('must be an IP address, or a network such as 10.0.0.0/8')
  const address = ipaddr.parse(written)
  const length = prefix === undefined ? bitsOf(address) : Number(prefix)
  if (length > bitsOf(address)) return problem(`must end with a length up to /${bitsOf(address)}`)
  const first = firstOf(address, length)
  if (first.toString() !== address.toString()) return problem(`has bits set behind its length: write ${first.toString()}/${length} for that network, or ${address.toString()} for that address alone`)
  return { kind: 'network', network: unmap(address, length) }
}

function parseAddress (text: string): Address | null {
  const bare = BRACKETED.exec(text)?.[1] ?? WITH_PORT.exec(text)?.[1] ?? text
  return isIP(bare) === 0 || bare.includes('%') ? null : ipaddr.process(bare)
}

/** Entries that do not hold cover nothing. */
export function createAddressList (entries: readonly string[]): AddressList {
  const networks = entries.map(parseNetwork).flatMap(parsed => parsed.kind === 'network' ? [parsed.network] : [])
  return {
    covers (text) {
      const address = parseAddress(text)
      return address !== null && networks.some(([network, length]) => address.kind() === network.kind() && address.match(network, length))
    }
  }
}

/** Is it every address of its family? */
export function coversEverything (entry: string): boolean {
  const parsed = parseNetwork(entry)
  return parsed.kind === 'network' && parsed.network[1] === 0
}
