import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { OptionProblem } from 'fastify-oidc-session-store'
import type { ResolvedOptions } from './schema.ts'
import { unfoldPem } from './signing-key.ts'

type TlsClientAuth = NonNullable<ResolvedOptions['tls_client_auth']>

/** What a connection shows of us (RFC 8705), in PEM. */
export interface ClientCertificate {
  readonly cert: string
  readonly key: string
  readonly passphrase?: string
}

const problem = (name: string, message: string): OptionProblem => ({ path: ['tls_client_auth', name], message })

/** `tls_client_auth` as TLS takes it; null: no certificate is shown. */
export function clientCertificateOf (written: TlsClientAuth | undefined): ClientCertificate | null {
  if (written === undefined) return null
  const { certificate, private_key: key, passphrase } = written
  return { cert: unfoldPem(certificate), key: unfoldPem(key), ...(passphrase === undefined ? {} : { passphrase }) }
}

/** The first of a chain is ours. */
function parseCertificate (pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem)
  } catch {
    return null
  }
}

function parseKey ({ key, passphrase }: ClientCertificate): KeyObject | null {
  try {
    return createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) })
  } catch {
    return null
  }
}

/** OpenSSL has its own mind about what is too weak, or how a chain is ordered. */
function secureContextProblem (certificate: ClientCertificate): OptionProblem[] {
  try {
    createSecureContext(certificate)
    return []
  } catch (error) {
    return [problem('certificate', `is not taken for TLS here (${(error as { code?: string }).code ?? 'no reason is given'})`)]
  }
}

function checkKey (certificate: ClientCertificate, parsed: X509Certificate | null): OptionProblem[] {
  const key = parseKey(certificate)
  if (key === null) {
    const isLocked = /ENCRYPTED/.test(certificate.key)
    return [problem('private_key', isLocked ? 'does not open: write its passphrase in tls_client_auth.passphrase' : 'is not a private key in PEM')]
  }
  return parsed === null || parsed.checkPrivateKey(key) ? [] : [problem('private_key', 'does not belong to tls_client_auth.certificate')]
}

/** What is wrong with `tls_client_auth`. */
export function checkTlsClientAuth ({ tls_client_auth: written }: ResolvedOptions): OptionProblem[] {
  const certificate = clientCertificateOf(written)
  if (certificate === null) return []
  if (certificate.cert.includes('PRIVATE KEY-----')) return [problem('certificate', 'has a private key in it, which belongs in tls_client_auth.private_key')]
  const parsed = parseCertificate(certificate.cert)
  const problems = [
    ...parsed === null ? [problem('certificate', 'is not a certificate in PEM')] : [],
    ...checkKey(certificate, parsed)
  ]
  return problems.length > 0 ? problems : secureContextProblem(certificate)
}

/** A sentence about a certificate that is not valid at this time; null: it is. */
export function describeExpiry ({ tls_client_auth: written }: Pick<ResolvedOptions, 'tls_client_auth'>, nowMs: number): string | null {
  const parsed = parseCertificate(clientCertificateOf(written)?.cert ?? '')
  if (parsed === null) return null
  if (Date.parse(parsed.validTo) < nowMs) return `has expired (${parsed.validTo})`
  return Date.parse(parsed.validFrom) > nowMs ? `is not valid before ${parsed.validFrom}` : null
}
