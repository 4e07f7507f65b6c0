/** Control characters end a header, and readers take blanks at the ends away: either would make somebody else of who it is. */
const UNSPEAKABLE = /[\u0000-\u001f\u007f]|^\s|\s$/ // eslint-disable-line no-control-regex -- these are what it looks for

/** Can a header say it, and nothing else? */
export const isSpeakable = (text: string): boolean => !UNSPEAKABLE.test(text)

/** What a header says of a caller, UTF-8 on the wire; null: no header can say it. */
export function headerValue (text: string | null): string | null {
  return text === null || text === '' || !isSpeakable(text) ? null : Buffer.from(text, 'utf8').toString('latin1')
}

/** Groups as one text, without those that a comma would make two of; null: none is left. */
export function joinGroups (groups: readonly string[], separator: ',' | ', '): string | null {
  return groups.filter(group => !group.includes(',') && headerValue(group) !== null).join(separator) || null
}
