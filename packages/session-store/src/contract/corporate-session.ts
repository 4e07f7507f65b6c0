import { generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto'
import type { Session } from '../session.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const NOW = 1_772_438_400

const random = (bytes: number): string => randomBytes(bytes).toString('base64url')

function signToken (header: object, claims: object): string {
  const signed = [header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
}

/** A session as a company's provider makes it: an access token of 1.1 KB, an ID token of 0.9 KB, both RS256, and a refresh token. */
export function corporateSession (): Session {
  const [issuer, subject, clientId, kid] = ['https://idp.corp.example/oauth2/abCd1234', `00u${random(12)}`, '0oa1b2c3d4E5f6G7h8i9', random(32)]
  const times = { iat: NOW, exp: NOW + 3600, auth_time: NOW }
  const accessToken = signToken({ alg: 'RS256', typ: 'at+jwt', kid }, { ver: 1, jti: `AT.${random(32)}`, iss: issuer, aud: 'api://default', ...times, cid: clientId, uid: subject, scp: ['openid', 'profile', 'email', 'offline_access'], sub: 'alice@corp.example', groups: ['staff', 'admins', 'payroll-readers'], tenant: random(40), region: 'eu-central-1' })
  const idTokenClaims = { sub: subject, iss: issuer, aud: clientId, ...times, jti: `ID.${random(32)}`, amr: ['pwd'], at_hash: random(16), sid: randomUUID(), email: 'alice@corp.example', name: 'Alice Example' }
  return {
    id: random(16),
    issuer,
    subject,
    providerSessionId: idTokenClaims.sid,
    issuedAt: NOW,
    discovery: `${issuer}/.well-known/openid-configuration`,
    clientId,
    createdAt: NOW,
    authenticatedAt: NOW,
    accessToken,
    accessTokenExpiresAt: NOW + 3600,
    assurance: null,
    scope: 'openid email profile offline_access',
    idTokenClaims,
    userinfo: null,
    renewedFrom: null,
    cold: { refreshToken: random(32), idToken: signToken({ alg: 'RS256', kid }, idTokenClaims) }
  }
}
