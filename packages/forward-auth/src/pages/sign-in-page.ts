import { framePage, html, type Html, type PageAnswer } from 'fastify-oidc'
import type { EndpointPaths } from '../endpoint-paths.ts'
import type { Appearance } from './appearance.ts'

/** 200; 403 where it stands in for a page; the others with an alert. */
export type SignInStatus = 200 | 400 | 401 | 403

/** What this sign-in page is for. */
export interface SignInFacts {
  /** Where the browser goes afterwards. */
  readonly redirect: string
  /** What was wrong with the name and password that were sent; null: nothing was. */
  readonly alert: string | null
  readonly status: SignInStatus
}

export interface SignInRoom {
  readonly name: string
  readonly paths: EndpointPaths
  readonly appearance: Appearance
  /** Names and passwords are taken. */
  readonly hasForm: boolean
}

function sayings ({ appearance: { banner } }: SignInRoom): Html | null {
  if (banner !== null) return banner.html.trim() === '' ? null : html`<div class="say" dir="auto">${banner}</div>`
  return html`<p>You need to sign in to go on.</p>`
}

function passwordForm ({ paths }: SignInRoom, redirect: string, isWrong: boolean): Html {
  const marks = isWrong ? html` aria-invalid="true" aria-describedby="alert"` : null
  const field = (label: string, name: string, type: 'text' | 'password', autocomplete: string): Html =>
    html`<label for="${name}">${label}</label><input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}" autocapitalize="none" spellcheck="false" required${marks}>`
  return html`<p class="or">or</p><form method="post" action="${paths.signIn}"><input type="hidden" name="rd" value="${redirect}">${field('User name', 'username', 'text', 'username')}${field('Password', 'password', 'password', 'current-password')}<button>Sign in</button></form>`
}

/** The page with the button. */
export function renderSignInPage (room: SignInRoom, { redirect, alert, status }: SignInFacts): PageAnswer {
  const { name, paths, hasForm, appearance: { logo, footer, pictures } } = room
  const start = `${paths.start}?rd=${encodeURIComponent(redirect)}`
  const main = html`${logo}<h1>Sign in</h1>${sayings(room)}${
    alert === null ? null : html`<p role="alert" id="alert">${alert}</p>`
  }<a class="b" href="${start}">Sign in with <bdi>${name}</bdi></a>${
    hasForm ? passwordForm(room, redirect, status === 400 || status === 401) : null}`
  return framePage({ title: alert === null ? 'Sign in' : 'Error: Sign in', main, footer, posts: hasForm, pictures, refresh: null })
}
