import type { IncomingMessage, ServerResponse } from 'node:http'
import type Provider from 'oidc-provider'
import type { AccountClaims } from 'oidc-provider'
import { acrOf } from './acr.ts'
import type { ProviderSettings } from './options.ts'
import { renderConsentPage, renderErrorPage, renderLoginPage } from './pages.ts'

const MAX_BODY_BYTES = 65_536

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly provider: Provider
  readonly settings: ProviderSettings
}

async function readForm (request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) break
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString())
}

function sendPage (response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
  })
  response.end(html)
}

/** The hint of this address wins over the one of the authorization request, which may have been pushed (RFC 9126). */
function loginHint (request: IncomingMessage, interaction: Interaction): string | null {
  const fromAddress = new URL(request.url ?? '/', 'http://localhost').searchParams.get('login_hint')
  const fromRequest = interaction.params.login_hint
  return fromAddress ?? (typeof fromRequest === 'string' ? fromRequest : null)
}

async function finishLogin ({ request, response, provider, settings }: Exchange, { params }: Interaction, account: AccountClaims): Promise<void> {
  const acr = acrOf(params.acr_values, settings)
  await provider.interactionFinished(request, response, { login: { accountId: account.sub, ...acr === undefined ? {} : { acr } } }, { mergeWithLastSubmission: false })
}

async function finishConsent ({ request, response, provider, settings }: Exchange, interaction: Interaction): Promise<void> {
  const { params, session } = interaction
  const existing = interaction.grantId === undefined ? undefined : await provider.Grant.find(interaction.grantId)
  const grant = existing ?? new provider.Grant({ accountId: session?.accountId, clientId: String(params.client_id) })
  grant.addOIDCScope(String(params.scope ?? 'openid'))
  if (settings.resource !== null) grant.addResourceScope(settings.resource, settings.scopes.join(' '))
  const grantId = await grant.save()
  await provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true })
}

async function showLogin (exchange: Exchange, interaction: Interaction): Promise<void> {
  const { request, response, settings } = exchange
  const show = (name: string, refused: boolean): void => {
    const page = { client: String(interaction.params.client_id), names: [...settings.accounts.keys()], name, refused }
    sendPage(response, refused ? 401 : 200, renderLoginPage(page))
  }
  if (request.method !== 'POST') return show(loginHint(request, interaction) ?? '', false)
  const name = (await readForm(request)).get('login')?.trim() ?? ''
  const account = settings.accounts.get(name)
  return account === undefined ? show(name, true) : await finishLogin(exchange, interaction, account)
}

async function showConsent (exchange: Exchange, interaction: Interaction): Promise<void> {
  const { request, response, provider } = exchange
  const { params, session } = interaction
  if (request.method !== 'POST') {
    const page = { client: String(params.client_id), user: session?.accountId ?? '', scopes: String(params.scope ?? '').split(' ') }
    return sendPage(response, 200, renderConsentPage(page))
  }
  if ((await readForm(request)).get('decision') !== 'deny') return await finishConsent(exchange, interaction)
  await provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'the user said no' }, { mergeWithLastSubmission: false })
}

async function answerWithoutForms (exchange: Exchange, interaction: Interaction, autoLogin: string): Promise<void> {
  const { request, response, provider, settings } = exchange
  if (interaction.prompt.name === 'consent') return await finishConsent(exchange, interaction)
  const account = settings.accounts.get(loginHint(request, interaction) ?? autoLogin)
  if (account !== undefined) return await finishLogin(exchange, interaction, account)
  await provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'nobody has this name' }, { mergeWithLastSubmission: false })
}

/** Answers what the provider asks the user: by a form, or at once with `autoLogin`. */
export async function answerInteraction (exchange: Exchange): Promise<void> {
  const { request, response, provider, settings } = exchange
  try {
    const interaction = await provider.interactionDetails(request, response)
    if (settings.autoLogin !== null) await answerWithoutForms(exchange, interaction, settings.autoLogin)
    else if (interaction.prompt.name === 'login') await showLogin(exchange, interaction)
    else await showConsent(exchange, interaction)
  } catch (error) {
    if (response.headersSent) throw error
    sendPage(response, 400, renderErrorPage({ error: error instanceof Error ? error.message : 'unknown' }))
  }
}
