import type Provider from 'oidc-provider'
import type { TokenEndpointGrantContext } from 'oidc-provider'
import type { ProviderSettings } from './options.ts'
import { describeResource } from './resource.ts'

type Errors = typeof import('oidc-provider')['errors']
type Context = TokenEndpointGrantContext<{ readonly username?: string, readonly password?: string, readonly scope?: string }>
type Grant = InstanceType<Provider['Grant']>

async function grantTo (accountId: string, { oidc: { client, provider } }: Context, scope: string, settings: ProviderSettings): Promise<Grant> {
  const grant = new provider.Grant({ accountId, clientId: client.clientId })
  grant.addOIDCScope(scope)
  if (settings.resource !== null) grant.addResourceScope(settings.resource, settings.scopes.join(' '))
  await grant.save()
  return grant
}

async function answerWithTokens (ctx: Context, accountId: string, settings: ProviderSettings): Promise<void> {
  const { client, params, provider } = ctx.oidc
  const known = new Set(settings.scopes)
  const scopes = (params.scope ?? 'openid').split(' ').filter(name => known.has(name))
  const { resource } = settings
  const grant = await grantTo(accountId, ctx, scopes.join(' '), settings)
  const source = { accountId, client, grantId: grant.jti, gty: 'password' }
  const token = new provider.AccessToken({ ...source, scope: resource === null ? grant.getOIDCScopeFiltered(scopes) : grant.getResourceScopeFiltered(resource, scopes) })
  if (resource !== null) token.resourceServer = new provider.ResourceServer(resource, describeResource(settings, resource))
  const refreshToken = client.grantTypeAllowed('refresh_token')
    ? new provider.RefreshToken({ ...source, scope: scopes.join(' '), ...(resource === null ? {} : { resource }) })
    : null
  ctx.body = {
    access_token: await token.save(),
    expires_in: token.expiration,
    ...(refreshToken === null ? {} : { refresh_token: await refreshToken.save() }),
    scope: token.scope,
    token_type: token.tokenType
  }
}

/** The resource owner password credentials grant (RFC 6749, section 4.3): a user's name, and any password. */
export function addPasswordGrant (provider: Provider, settings: ProviderSettings, errors: Errors): void {
  provider.registerGrantType('password', async (ctx: Context) => {
    const { username = '', password = '' } = ctx.oidc.params
    const account = settings.accounts.get(username)
    if (account === undefined || password === '') throw new errors.InvalidGrant('nobody has this name, or the password is empty')
    await answerWithTokens(ctx, account.sub, settings)
  }, ['username', 'password', 'scope'])
}
