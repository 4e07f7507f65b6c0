/** By what a provider says no with (RFC 6749, sections 4.1.2.1 and 5.2); the first that fits. */
const REMEDIES: ReadonlyArray<readonly [error: RegExp, description: RegExp, remedy: string | null]> = [
  [/^access_denied$/, /(?:)/, null],
  [/^invalid_|^unauthorized_client$/, /pkce|code.?(?:challenge|verifier)/i, 'set up PKCE with S256 for this client at the provider: use_pkce: true sends a challenge, and false sends none'],
  [/^invalid_/, /redirect.?ur[il]/i, 'register redirect_uri at the provider as it is sent: scheme, host, port and path, letter by letter'],
  [/^(?:invalid|unauthorized)_client$/, /(?:)/, 'check client_id, client_secret and token_endpoint_auth_method'],
  [/^invalid_grant$/, /(?:)/, 'the code was spent or is too old, or redirect_uri is not what it was issued for'],
  [/^invalid_scope$/, /(?:)/, 'check scope: the provider does not grant this client all of it'],
  [/^invalid_dpop_proof$/, /(?:)/, 'check that the provider takes dpop.signing_alg, and compare the clocks'],
  [/^use_dpop_nonce$/, /(?:)/, 'the provider does not take the nonce that it gave just now: do all of its instances know it?'],
  [/(?:)/, /(?:)/, 'the provider says what it does not like: compare the options with its settings for this client']
]

/** What to change when the provider says no; null: nothing. Its own words only choose among ours. */
export function remedyForRefusal (error: string, description: string): string | null {
  return REMEDIES.find(([errors, descriptions]) => errors.test(error) && descriptions.test(description))?.[2] ?? null
}
