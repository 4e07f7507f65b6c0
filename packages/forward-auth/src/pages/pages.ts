import { framePage, html, pageHeaders, renderAction, renderErrorPage, type ErrorFacts, type PageAction, type PageAnswer } from 'fastify-oidc'
import type { Template } from '../templates/template.ts'
import type { Value } from '../templates/expression.ts'
import { renderSignInPage, type SignInFacts, type SignInRoom } from './sign-in-page.ts'

/** What another site's link asks for. */
export interface Question {
  readonly title: string
  readonly text: string
  readonly confirm: PageAction
  /** Where whoever does not want it goes. */
  readonly stay: string
}

/** The pages of the endpoints, as their operator wants them. */
export interface Pages {
  signIn (facts: SignInFacts): PageAnswer
  /** Asks before a session ends. */
  askFirst (question: Question): PageAnswer
  error (facts: ErrorFacts): PageAnswer
}

const VERSION = '0.1.0'

function answer (template: Template, values: Readonly<Record<string, Value>>): PageAnswer {
  const scripts = template.scripts.length === 0 ? '' : `; script-src ${template.scripts.join(' ')}`
  return { headers: pageHeaders(`style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:${scripts}`, template.posts), body: template.render(values) }
}

export function createPages (room: SignInRoom): Pages {
  const { name, paths, appearance: { templates, logo, banner, footer, footerOption, pictures }, hasForm } = room
  const shared = { ProxyPrefix: paths.base, Footer: footerOption, Version: VERSION }

  return {
    signIn (facts) {
      if (templates.signIn === null) return renderSignInPage(room, facts)
      return answer(templates.signIn, {
        ...shared,
        ProviderName: name,
        SignInMessage: banner?.html ?? '',
        StatusCode: facts.status,
        CustomLogin: hasForm,
        Redirect: facts.redirect,
        Alert: facts.alert ?? '',
        LogoData: logo?.html ?? ''
      })
    },
    askFirst ({ title, text, confirm, stay }) {
      const main = html`<h1>${title}</h1><p>${text}</p>${
        renderAction(confirm)}${
        renderAction({ label: 'Stay signed in', href: stay, method: 'get' }, 'quiet')}`
      return framePage({ title, main, footer, posts: confirm.method === 'post', pictures, refresh: null })
    },
    error (facts) {
      const { status, title, message: text, requestId, returnTo } = facts
      if (templates.error !== null) return answer(templates.error, { ...shared, Title: title, Message: text, StatusCode: status, Redirect: returnTo, RequestID: requestId })
      const signIn = status === 401 || status === 403 ? `${paths.signIn}?rd=${encodeURIComponent(returnTo)}` : null
      return renderErrorPage(facts, { signIn, footer, pictures })
    }
  }
}
