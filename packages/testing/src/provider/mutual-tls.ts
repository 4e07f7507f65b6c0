import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'

/** The provider's paths that ask who the client is, or take a token. */
const ALIASES: Readonly<Record<string, string>> = {
  token_endpoint: '/token',
  revocation_endpoint: '/token/revocation',
  introspection_endpoint: '/token/introspection',
  pushed_authorization_request_endpoint: '/request',
  userinfo_endpoint: '/me'
}

/** What a client has to register as its certificate's subject (RFC 8705, section 2.1.2). */
const SUBJECTS: Readonly<Record<string, (certificate: X509Certificate, expected: string) => boolean>> = {
  // RFC 4514 begins with the last part.
  tls_client_auth_subject_dn: ({ subject }, expected) => subject.split('\n').reverse().join(',') === expected.replace(/,\s+/g, ','),
  tls_client_auth_san_dns: (certificate, expected) => certificate.checkHost(expected, { subject: 'never' }) !== undefined,
  tls_client_auth_san_ip: (certificate, expected) => isIP(expected) !== 0 && certificate.checkIP(expected) !== undefined,
  tls_client_auth_san_email: (certificate, expected) => certificate.checkEmail(expected, { subject: 'never' }) !== undefined,
  tls_client_auth_san_uri: ({ subjectAltName = '' }, expected) => subjectAltName.split(', ').includes(`URI:${expected}`)
}

function certificateOf ({ req }: KoaContextWithOIDC): X509Certificate | undefined {
  return req.socket instanceof TLSSocket ? req.socket.getPeerX509Certificate() : undefined
}

/** Clients may say who they are by a certificate, and have tokens bound to it (RFC 8705). */
export function mutualTls (): NonNullable<Configuration['features']>['mTLS'] {
  return {
    enabled: true,
    tlsClientAuth: true,
    selfSignedTlsClientAuth: true,
    certificateBoundAccessTokens: true,
    getCertificate: certificateOf,
    certificateAuthorized: ({ req }) => req.socket instanceof TLSSocket && req.socket.authorized,
    certificateSubjectMatches: (ctx, property, expected) => {
      const certificate = certificateOf(ctx)
      return certificate !== undefined && (SUBJECTS[property]?.(certificate, expected) ?? false)
    }
  }
}

/** RFC 8705, section 5. */
export function mutualTlsAliases (origin: string): Record<string, string> {
  return Object.fromEntries(Object.entries(ALIASES).map(([name, path]) => [name, `${origin}${path}`]))
}
