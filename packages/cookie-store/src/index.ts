export { cookieStore, cookieStore as default } from './plugin.ts'
export { createCookieStore, type CookieStoreOptions } from './cookie-store.ts'
export { optionsSchema, type CookieStorePluginOptions } from './options.ts'
