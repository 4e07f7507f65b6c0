import { nextPart, type AddressPart } from './address.ts'
import { TemplateFault } from './source.ts'

/** Where in a page a template stands; what may be filled in, and how, depends on it. */
export type Place =
  | { readonly kind: 'content' | 'tag open' | 'comment' | 'markup' }
  | { readonly kind: 'text' | 'raw', readonly element: string }
  | { readonly kind: 'tag name' | 'tag', readonly element: string }
  | { readonly kind: 'attribute name' | 'attribute end', readonly element: string, readonly attribute: string }
  | { readonly kind: 'bare value', readonly element: string, readonly attribute: string }
  | { readonly kind: 'value', readonly element: string, readonly attribute: string, readonly quote: string, readonly part: AddressPart | null }

export const CONTENT: Place = { kind: 'content' }

/** What the scanner meets on its way. */
export interface Findings {
  /** The whole text of a `<script>`. */
  onScript (text: string): void
  onStyle (text: string, line: number): void
  /** What stands in an attribute, as far as it is written out. */
  onAttribute (element: string, attribute: string, text: string, line: number): void
}

const RAW = new Set(['script', 'style', 'xmp', 'iframe', 'noembed', 'noframes', 'plaintext'])
const TEXT = new Set(['textarea', 'title'])
const ADDRESSES = new Set(['href', 'src', 'action', 'formaction', 'poster', 'cite', 'background', 'data', 'longdesc', 'manifest', 'ping', 'usemap', 'xlink:href'])

export const isAddress = (attribute: string): boolean => ADDRESSES.has(attribute)

/** What stands behind a `>`. */
function insideOf (element: string): Place {
  if (RAW.has(element)) return { kind: 'raw', element }
  return TEXT.has(element) ? { kind: 'text', element } : CONTENT
}

interface Step { readonly place: Place, readonly length: number }
type Rest = string

const END = Infinity

function upTo (rest: Rest, pattern: RegExp): number {
  const at = rest.search(pattern)
  return at < 0 ? END : at
}

function stepContent (rest: Rest): Step {
  const at = rest.indexOf('<')
  if (at < 0) return { place: CONTENT, length: END }
  const tag = rest.slice(at)
  if (tag.length === 1) return { place: { kind: 'tag open' }, length: END }
  if (tag.startsWith('<!--')) return { place: { kind: 'comment' }, length: at + 4 }
  if (/^<[!?/]/.test(tag)) return { place: { kind: 'markup' }, length: at + 2 }
  const [, name] = /^<([A-Za-z][^\s/>]*)/.exec(tag) ?? []
  return name === undefined ? { place: CONTENT, length: at + 1 } : { place: { kind: 'tag name', element: name.toLowerCase() }, length: at + 1 + name.length }
}

function stepTag (rest: Rest, element: string, line: number): Step {
  const [blank = ''] = /^[\s/]*/.exec(rest) ?? []
  const character = rest[blank.length]
  if (character === undefined) return { place: { kind: 'tag', element }, length: END }
  if (character === '>') return { place: insideOf(element), length: blank.length + 1 }
  if (character === '=') throw new TemplateFault(line, '= has no attribute')
  const [name = ''] = /^[^\s/>=]+/.exec(rest.slice(blank.length)) ?? []
  return { place: { kind: 'attribute name', element, attribute: name.toLowerCase() }, length: blank.length + name.length }
}

/** Behind an attribute's name. */
function stepAttribute (rest: Rest, place: Extract<Place, { kind: 'attribute name' | 'attribute end' }>): Step {
  const { element, attribute } = place
  const [blank = ''] = /^\s*/.exec(rest) ?? []
  const character = rest[blank.length]
  if (character === undefined) return { place, length: END }
  if (place.kind === 'attribute name') return character === '=' ? { place: { kind: 'attribute end', element, attribute }, length: blank.length + 1 } : { place: { kind: 'tag', element }, length: blank.length }
  if (character !== '"' && character !== "'") return { place: { kind: 'bare value', element, attribute }, length: blank.length }
  return { place: { kind: 'value', element, attribute, quote: character, part: isAddress(attribute) ? 'start' : null }, length: blank.length + 1 }
}

function stepValue (rest: Rest, place: Extract<Place, { kind: 'value' | 'bare value' }>, line: number, findings: Findings): Step {
  const { element, attribute } = place
  const at = place.kind === 'value' ? upTo(rest, place.quote === '"' ? /"/ : /'/) : upTo(rest, /[\s>]/)
  const text = rest.slice(0, at)
  findings.onAttribute(element, attribute, text, line)
  const part = place.kind === 'bare value' || place.part === null ? null : nextPart(place.part, text, line)
  if (at !== END) return { place: { kind: 'tag', element }, length: at + (place.kind === 'value' ? 1 : 0) }
  return { place: place.kind === 'value' ? { ...place, part } : place, length: END }
}

function stepElement (rest: Rest, place: Extract<Place, { kind: 'text' | 'raw' }>, line: number, findings: Findings): Step {
  const { element } = place
  const at = upTo(rest, new RegExp(`</${element}[\\s/>]`, 'i'))
  const text = rest.slice(0, at)
  if (element === 'script') {
    if (at === END) throw new TemplateFault(line, 'a script has no end, or something is filled into it')
    if (text.includes('<!--')) throw new TemplateFault(line, 'a script has <!-- in it')
    findings.onScript(text)
  }
  if (element === 'style') findings.onStyle(text, line)
  return at === END ? { place, length: END } : { place: { kind: 'markup' }, length: at + 2 }
}

function step (rest: Rest, place: Place, line: number, findings: Findings): Step {
  switch (place.kind) {
    case 'content': return stepContent(rest)
    case 'tag open': throw new TemplateFault(line, 'something stands behind < that is no tag')
    case 'comment': {
      const at = rest.indexOf('-->')
      return at < 0 ? { place, length: END } : { place: CONTENT, length: at + 3 }
    }
    case 'markup': {
      const at = rest.indexOf('>')
      return at < 0 ? { place, length: END } : { place: CONTENT, length: at + 1 }
    }
    case 'text':
    case 'raw': return stepElement(rest, place, line, findings)
    case 'tag name':
    case 'tag': return stepTag(rest, place.element, line)
    case 'attribute name':
    case 'attribute end': return stepAttribute(rest, place)
    case 'value':
    case 'bare value': return stepValue(rest, place, line, findings)
  }
}

/**
 * Where a page stands after more of its text.
 * @throws TemplateFault
 */
export function advance (from: Place, text: string, startLine: number, findings: Findings): Place {
  let place = from
  let line = startLine
  for (let rest = text; rest !== '';) {
    const { place: next, length } = step(rest, place, line, findings)
    const passed = rest.slice(0, length)
    line += passed.split('\n').length - 1
    rest = rest.slice(passed.length)
    place = next
  }
  return place
}
