import type { OidcSettings } from '../options/settings.ts'
import { asText, readNames } from '../policy/claim-names.ts'
import { readClaim, type ClaimPath, type ClaimSources } from '../policy/claim-path.ts'
import { isEmailUnverified } from '../policy/verified-email.ts'
import type { Credential } from './consumer-view.ts'

/** Which claims say who somebody is. */
export interface ClaimNames {
  readonly user_id_claim: string
  readonly email_claim: string
  readonly groups_claim: ClaimPath
  /** Without it: what was granted. */
  readonly scopes_claim?: ClaimPath
  readonly consumer?: Pick<NonNullable<OidcSettings['consumer']>, 'credential_claim'>
}

const STANDARD_EMAIL = 'email'

function firstText (sources: ClaimSources, name: ClaimPath): string | null {
  for (const source of sources) {
    const text = asText(readClaim(source(), name))
    if (text !== null) return text
  }
  return null
}

/** From the first source that has any. */
export function readGroups ({ groups_claim: path }: ClaimNames, sources: ClaimSources): readonly string[] {
  return readNames(sources, path, 'roles').names
}

/** From the first source that has any, where a claim is named. */
export function readScopes ({ scopes_claim: path }: ClaimNames, sources: ClaimSources, granted: readonly string[]): readonly string[] {
  return path === undefined ? granted : readNames(sources, path, 'words').names
}

/** From the first source that has one. */
export function readUser ({ user_id_claim: name }: ClaimNames, sources: ClaimSources): string | null {
  return firstText(sources, name)
}

/** From the first source that has one. */
export function readCredential ({ consumer }: ClaimNames, sources: ClaimSources): Credential | null {
  const id = firstText(sources, consumer?.credential_claim ?? 'sub')
  return id === null ? null : Object.freeze({ id })
}

/** From the first source that has one; null where any says that it is not verified. */
export function readEmail ({ email_claim: name }: ClaimNames, sources: ClaimSources): string | null {
  return name === STANDARD_EMAIL && isEmailUnverified(sources) ? null : firstText(sources, name)
}
