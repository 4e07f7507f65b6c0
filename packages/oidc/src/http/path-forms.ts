/** Longer ones are not for rules: the work that a request can ask for has a bound. */
const MAX_PATH_LENGTH = 2048

/** What may not stand in a path in the clear, so that browsers encode it (URL Standard, path percent-encode set). */
const ENCODED_BY_BROWSERS = /(?:%(?:[89a-f][\da-f]|20|22|3[ce]|5e|60|7[bcd]))+/gi
/** What ends a path or hides in it, and what no path can have: a blank is a second address that a proxy has added to a header. */
const AMBIGUOUS_AS_WRITTEN = /[^\x21-\x7e]|[#\\;]|%(?:2[ef35]|3[bf]|5c|[01][\da-f]|7f)/i
/** Dot segments and empty ones, separators, signs that nobody sees, and letters that some servers take for a slash. */
const AMBIGUOUS_AS_READ = /\/\/|\.\.|\/[.\s]+(?:\/|$)|[\\;#?%\p{C}\p{Zl}\p{Zp}\u2044\u2215\u2216\u29f5\u29f8\u29f9]/u

function decode (text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** A sign such as ℅ has a slash in it. */
const depthOf = (path: string): number => path.split('/').length

/**
 * The path of an address in each form that a server may read: as it was written, decoded, and with letters that
 * look alike made one (NFKC). None where two servers could take it for different paths: dot segments, hidden or
 * doubled slashes, backslashes, parameters, fragments, anything encoded twice or not in UTF-8.
 */
export function pathFormsOf (address: string): readonly string[] {
  const query = address.indexOf('?')
  const path = query < 0 ? address : address.slice(0, query)
  if (!path.startsWith('/') || path.length > MAX_PATH_LENGTH || AMBIGUOUS_AS_WRITTEN.test(path)) return []
  const decoded = decode(path)
  if (decoded === null) return []
  const written = path.replace(ENCODED_BY_BROWSERS, sequence => decode(sequence) ?? sequence)
  const folded = decoded.normalize('NFKC')
  if (AMBIGUOUS_AS_READ.test(decoded) || AMBIGUOUS_AS_READ.test(folded) || depthOf(folded) !== depthOf(decoded)) return []
  return [...new Set([written, decoded, folded])]
}
