export { forwardAuth, forwardAuth as default } from './plugin.ts'
export { forwardAuthOptionsSchema, type ForwardAuthOptions } from './options.ts'
export { forwardedMethod, forwardedPath, isTrustedPeer } from './forwarded.ts'
export { CallbackMissingError, CoreMissingError } from './errors.ts'
