import { TemplateFault } from './source.ts'

/**
 * How far the address in an attribute has come. `scheme`: what stands there may be the beginning of one;
 * `closed`: it is of a scheme that may run what is filled in.
 */
export type AddressPart = 'start' | 'scheme' | 'path' | 'query' | 'closed'

/** Browsers take these out of an address before they read it (URL Standard, basic URL parser). */
const IGNORED = /[\t\n\r]/g
// eslint-disable-next-line no-control-regex -- browsers pass over them
const BLANK = /^[\u0000-\u0020]*/
/** What ends a scheme, or keeps the text before it from being one; a colon may be written as a character reference. */
const TURN = /:|&(?:#|colon;)|[/?#]/i
const HARMLESS = /^(?:https?|mailto|tel)$/i

const behindScheme = (rest: string): AddressPart => /[?#]/.test(rest) ? 'query' : 'path'

/** Behind more of its text. @throws TemplateFault where a value and text would make a scheme together */
export function nextPart (part: AddressPart, text: string, line: number): AddressPart {
  if (part === 'query' || part === 'closed') return part
  if (part === 'path') return behindScheme(text)
  const read = text.replace(IGNORED, '')
  const rest = part === 'start' ? read.replace(BLANK, '') : read
  const turn = TURN.exec(rest)
  if (turn === null) return rest === '' ? part : 'scheme'
  if (/[/?#]/.test(turn[0]) && !turn[0].startsWith('&')) return behindScheme(rest)
  if (part === 'scheme') throw new TemplateFault(line, 'a colon stands where what is filled in before it could become the scheme of the address: write a slash before it')
  return HARMLESS.test(rest.slice(0, turn.index)) ? behindScheme(rest) : 'closed'
}

/** Behind a value. */
export function partBehindValue (part: AddressPart): AddressPart {
  return part === 'start' ? 'scheme' : part
}

/** Where two branches of an address meet; null: what may follow depends on which it was. */
export function joinParts (one: AddressPart, other: AddressPart): AddressPart | null {
  if (one === other) return one
  const both = [one, other]
  return both.includes('scheme') && both.includes('path') ? 'scheme' : null
}

const SAFE_START = /^(?:https?:|[^:]*(?:[/?#]|$))/i

function normalizeAddress (text: string): string {
  return text.replace(/[^\w\-.~!#$&()*+,/:;=?@[\]%]/gu, encodeURIComponent)
}

/** A value as it may stand there; it is not escaped for HTML yet. */
export function fillAddress (part: Exclude<AddressPart, 'closed'>, text: string): string {
  switch (part) {
    case 'query': return encodeURIComponent(text)
    case 'path': return normalizeAddress(text)
    case 'scheme': return normalizeAddress(text).replaceAll(':', '%3A')
    case 'start': return SAFE_START.test(text) ? normalizeAddress(text) : '#'
  }
}
