import { inspectProvider } from 'fastify-oidc'
import type { GatewayConfiguration } from '../configuration/check.ts'
import { redirectUrisOf } from './addresses.ts'
import { checkCapabilities } from './capability-checks.ts'
import { checkDiscovery } from './discovery-checks.ts'
import { checkEndpoints, checkKeys } from './endpoint-checks.ts'
import type { Finding } from './finding.ts'
import { findPatients, type Patient } from './patient.ts'
import { checkPostLogout, checkRedirectUris } from './redirect-checks.ts'
import { checkSecrets, createRedaction } from './secret-checks.ts'
import { checkServer } from './server-checks.ts'
import { checkSessions } from './session-checks.ts'
import { checkTrials } from './trial-checks.ts'

/** Findings about one client and its provider, or about the gateway itself. */
export interface Examination {
  /** null: the gateway. */
  readonly patient: Pick<Patient, 'routes'> & { readonly clientId: string, readonly discovery: string } | null
  readonly findings: readonly Finding[]
}

/** A provider that hangs is not waited for as long as a login may be. */
const LONGEST_TIMEOUT = 10

async function examineProvider (patient: Patient, outside: GatewayConfiguration): Promise<Finding[]> {
  const options = { ...patient.options, timeout: Math.min(patient.options.timeout, LONGEST_TIMEOUT) }
  const inspection = await inspectProvider(options, { redirectUri: redirectUrisOf(patient, outside)[0] ?? null })
  if (inspection === null) return []
  const { metadata, keys } = inspection
  const found = checkDiscovery(inspection, options)
  if (metadata?.kind !== 'done') return found
  const { server } = metadata.value
  return [
    ...found,
    ...options.bearer_only ? [] : checkCapabilities(metadata.value, options),
    ...keys === null ? [] : checkKeys(keys, server, options),
    ...checkEndpoints(server, options),
    ...checkTrials(inspection)
  ]
}

async function examinePatient (patient: Patient, configuration: GatewayConfiguration): Promise<Finding[]> {
  return [
    ...checkRedirectUris(patient, configuration),
    ...checkPostLogout(patient, configuration),
    ...checkSecrets(patient),
    ...await checkSessions(patient, configuration, configuration.maxHeaderSize),
    ...await examineProvider(patient, configuration)
  ]
}

/** Looks at a configuration that holds, and at what it leads to: providers and Redis are asked. No secret is in what it says. */
export async function * examine (configuration: GatewayConfiguration): AsyncIterable<Examination> {
  const patients = findPatients(configuration.cores)
  const redact = createRedaction(patients)
  const show = (text: string): string => redact(configuration.conceal(text))
  const shown = (findings: readonly Finding[]): Finding[] => findings.map(({ what, remedy, ...finding }) => ({ ...finding, what: show(what), remedy: remedy === null ? null : show(remedy) }))
  yield { patient: null, findings: shown(checkServer(configuration)) }
  for (const patient of patients) {
    const { routes, options } = patient
    yield { patient: { routes, clientId: show(options.client_id), discovery: show(options.discovery) }, findings: shown(await examinePatient(patient, configuration)) }
  }
}
