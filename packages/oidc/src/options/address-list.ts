import { isIPv4, isIPv6 } from 'node:net'

/** An address as a number of 32 or 128 bits. */
interface Address {
  readonly bits: 32 | 128
  readonly value: bigint
}

interface Network {
  readonly first: Address
  /** Bits that say which network it is. */
  readonly length: number
}

export type ParsedNetwork =
  | { readonly kind: 'network', readonly network: Network }
  | { readonly kind: 'problem', readonly message: string }

/** Addresses and networks, as `trusted_ips` writes them. */
export interface AddressList {
  /** Is it among them? A port behind it does not matter; what is no address is not. */
  covers (address: string): boolean
}

const ENTRY = /^(?<address>[^/]+)(?:\/(?<length>0|[1-9]\d{0,2}))?$/
const BRACKETED = /^\[([\da-f:.]+)\](?::\d{1,5})?$/i
const WITH_PORT = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/
/** `::ffff:0:0/96` holds the addresses of IPv4 (RFC 4291, section 2.5.5.2). */
const MAPPED_PREFIX = 0xffffn
const MAPPED_LENGTH = 96

/** As the URL parser writes it: no dots, and one gap at most. */
const canonical = (address: string): string => new URL(`http://[${address}]/`).hostname.slice(1, -1)

function groupsOf (address: string): string[] {
  const [before = '', after] = canonical(address).split('::')
  const [left, right] = [before, after ?? ''].map(part => part === '' ? [] : part.split(':'))
  const [start = [], end = []] = [left, right]
  return [...start, ...Array.from({ length: 8 - start.length - end.length }, () => '0'), ...end]
}

/** null: it is none, or one of a link, whose zone only one machine knows. */
function parseAddress (text: string): Address | null {
  if (isIPv4(text)) return { bits: 32, value: text.split('.').reduce((value, octet) => value << 8n | BigInt(octet), 0n) }
  if (!isIPv6(text) || text.includes('%')) return null
  return { bits: 128, value: groupsOf(text).reduce((value, group) => value << 16n | BigInt(`0x${group}`), 0n) }
}

function formatAddress ({ bits, value }: Address): string {
  const size = bits === 32 ? 8n : 16n
  const parts = Array.from({ length: bits / Number(size) }, (_, index) => value >> (BigInt(bits) - size * BigInt(index + 1)) & ((1n << size) - 1n))
  return bits === 32 ? parts.join('.') : canonical(parts.map(part => part.toString(16)).join(':'))
}

const rest = ({ first: { bits }, length }: Network): bigint => BigInt(bits - length)

/** An IPv4 network that is written as part of IPv6 is one. */
function unmap (network: Network): Network {
  const { first: { bits, value }, length } = network
  if (bits === 32 || length < MAPPED_LENGTH || value >> 32n !== MAPPED_PREFIX) return network
  return { first: { bits: 32, value: value & 0xffffffffn }, length: length - MAPPED_LENGTH }
}

const problem = (message: string): ParsedNetwork => ({ kind: 'problem', message })

/** An address, or a network by its lowest address. */
export function parseNetwork (entry: string): ParsedNetwork {
  const { address: written = '', length } = ENTRY.exec(entry)?.groups ?? {}
  const address = parseAddress(written)
  if (address === null) return problem('must be an IP address, or a network such as 10.0.0.0/8')
  const network = { first: address, length: length === undefined ? address.bits : Number(length) }
  if (network.length > address.bits) return problem(`must end with a length up to /${address.bits}`)
  const first = { ...address, value: address.value >> rest(network) << rest(network) }
  if (first.value !== address.value) return problem(`has bits set behind its length: write ${formatAddress(first)}/${network.length} for that network, or ${formatAddress(address)} for that address alone`)
  return { kind: 'network', network: unmap(network) }
}

/** Entries that do not hold cover nothing. */
export function createAddressList (entries: readonly string[]): AddressList {
  const networks = entries.map(parseNetwork).flatMap(parsed => parsed.kind === 'network' ? [parsed.network] : [])
  return {
    covers (text) {
      const address = parseAddress(BRACKETED.exec(text)?.[1] ?? WITH_PORT.exec(text)?.[1] ?? text)
      if (address === null) return false
      const { bits, value } = unmap({ first: address, length: address.bits }).first
      return networks.some(network => network.first.bits === bits && value >> rest(network) === network.first.value >> rest(network))
    }
  }
}

/** Is it every address of its family? */
export function coversEverything (entry: string): boolean {
  const parsed = parseNetwork(entry)
  return parsed.kind === 'network' && parsed.network.length === 0
}
