// What stands in many sessions and tokens, the most frequent last. What was packed
// with another dictionary does not unpack: a change to it ends the sessions there are.
const COMMON = [
  'https://accounts.google.com', 'https://login.microsoftonline.com/', '/v2.0', '.okta.com/oauth2/default', '.auth0.com/', '/realms/', '/oauth2/', '/application/o/',
  '"resource_access":{"account":{"roles":["manage-account","manage-account-links","view-profile"]}}', '"realm_access":{"roles":["offline_access","uma_authorization","default-roles-',
  '"urn:zitadel:iam:org:project:roles":{"', '"session_state":"', '"allowed-origins":["https://', '"zoneinfo":"Europe/', '"website":"https://', '"phone_number_verified":false,"phone_number":"+',
  '"address":{"street_address":"","locality":"","region":"","postal_code":"","country":"', '"birthdate":"', '"gender":"', '"middle_name":"', '"nickname":"', '"profile":"https://', '"updated_at":17',
  '"upn":"', '"oid":"', '"tid":"', '"ver":"', '"uti":"', '"rh":"', '"wids":["', '"roles":["', '"hd":"', '"uid":"', '"cid":"', '"idp":"', '"scp":["openid","profile","email","offline_access"],',
  '"typ":"Bearer",', '"typ":"ID",', '"c_hash":"', '"s_hash":"', '"jti":"', '"nbf":17', '"azp":"', '"client_id":"', '"picture":"https://', '"locale":"en"', '"org_id":"', '"groups":["', '"admin","users","staff"',
  '"preferred_username":"', '"given_name":"', '"family_name":"', '"name":"', '"email_verified":true', '"email":"', '@example.com"', '"amr":["pwd","mfa","otp"]', '"acr":"1"', '"nonce":"', '"at_hash":"', '"sid":"', '"auth_time":17',
  '{"alg":"EdDSA","kid":"', '{"alg":"ES256","typ":"JWT","kid":"', '{"typ":"JWT","alg":"RS256","kid":"', '{"alg":"RS256","typ":"JWT","kid":"', '{"alg":"RS256","kid":"', '{"alg":"RS256","typ":"at+jwt","kid":"',
  '"scope":"openid profile email groups offline_access"', '"aud":["', '"exp":17', '"iat":17', '"sub":"', '{"iss":"https://',
  '{"id":"', '","issuer":"https://', '","subject":"', '","providerSessionId":null,"issuedAt":17', ',"discovery":"https://', '/.well-known/openid-configuration","clientId":"', '","createdAt":17', ',"authenticatedAt":17',
  ',"accessToken":[-1,-1,256],"accessTokenExpiresAt":17', ',"assurance":null,"scope":"openid email profile","idTokenClaims":{"', '},"userinfo":null,"renewedFrom":null}', ',"userinfo":{"sub":"', '{"refreshToken":[64],"idToken":[-1,-1,256]}'
].join('')

/** @param own what stands in every session of one store */
export function createDictionary (own: string): Buffer {
  return Buffer.from(`${COMMON}${own}`)
}
