/** More than any browser sends of ours; what comes beyond was made up. */
const MAX_PAIRS = 256

/** The values of cookies whose names start so, found without parsing the others. */
export function findCookies (header: string, prefix: string): Array<{ readonly name: string, readonly value: string }> {
  const found: Array<{ name: string, value: string }> = []
  for (let at = header.indexOf(prefix); at >= 0 && found.length < MAX_PAIRS; at = header.indexOf(prefix, at)) {
    const equals = header.indexOf('=', at + prefix.length)
    const semicolon = header.indexOf(';', at + prefix.length)
    const end = semicolon < 0 ? header.length : semicolon
    if (equals >= 0 && equals < end && startsPair(header, at)) found.push({ name: header.slice(at, equals), value: header.slice(equals + 1, end).trim() })
    at = end
  }
  return found
}

/** A name begins the header or follows a semicolon and blanks; in the middle of a value it is none. */
function startsPair (header: string, at: number): boolean {
  let before = at - 1
  while (before >= 0 && header.charCodeAt(before) === 32) before--
  return before < 0 || header.charCodeAt(before) === 59
}
