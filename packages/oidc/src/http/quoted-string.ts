/** `quoted-string` of RFC 9110, section 5.6.4. */
export const quote = (text: string): string => `"${text.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&')}"`
