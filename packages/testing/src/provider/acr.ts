import type { Configuration } from 'oidc-provider'
import type { loadProvider } from './load-provider.ts'
import type { ProviderSettings } from './options.ts'

type Policies = Awaited<ReturnType<typeof loadProvider>>['interactionPolicy']

/** Of what is asked for, what there is, in the order in which it is asked for. */
function readAsked (acrValues: unknown, { acrValues: known }: ProviderSettings): string[] {
  return String(acrValues ?? '').split(' ').filter(value => known.includes(value))
}

/** How a login is made that asks for these; undefined: there is nothing to choose from. */
export function acrOf (acrValues: unknown, settings: ProviderSettings): string | undefined {
  return readAsked(acrValues, settings)[0] ?? settings.acrValues[0]
}

/** The provider's library asks for a stronger login where a claim is essential, and not for `acr_values`: this does. */
export function acrConfiguration (settings: ProviderSettings, { base, Check }: Policies): Configuration {
  if (settings.acrValues.length === 0) return {}
  const policy = base()
  policy.get('login')?.checks.add(new Check('acr_values', 'none of the requested acr_values was used', ctx => {
    const { params, session, acr } = ctx.oidc
    const asked = readAsked(params?.acr_values, settings)
    const isShort = session?.accountId !== undefined && asked.length > 0 && !asked.includes(acr)
    return isShort ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT
  }))
  return { acrValues: [...settings.acrValues], interactions: { policy } }
}
