import type { Page, PageForm } from 'fastify-oidc'
import type { EndpointPaths } from './endpoint-paths.ts'
import type { ForwardAuthSettings } from './options.ts'

/** The page for who wants to go to `target`; `alert`: what went wrong before. */
export type SignInPage = (target: string, alert: string | null) => Page

export function createSignInPage ({ provider_name: name }: ForwardAuthSettings, paths: EndpointPaths, hasForm: boolean): SignInPage {
  const formFor = (target: string): PageForm => ({
    action: paths.signIn,
    submit: 'Sign in',
    hidden: { rd: target },
    fields: [
      { label: 'User name', name: 'username', type: 'text', autocomplete: 'username' },
      { label: 'Password', name: 'password', type: 'password', autocomplete: 'current-password' }
    ]
  })
  return (target, alert) => ({
    title: 'Sign in',
    message: 'You need to sign in to go on.',
    reference: null,
    alert,
    action: { label: `Sign in with ${name}`, href: `${paths.start}?rd=${encodeURIComponent(target)}`, method: 'get' },
    form: hasForm ? formFor(target) : null
  })
}
