export { proxy, proxy as default } from './plugin.ts'
export { proxyOptionsSchema, type HeaderSource, type ProxyOptions, type UpstreamChooser } from './options.ts'
export { BadGatewayError, BadRequestError, BodyRefusedError, BodyTooLargeError, CoreMissingError, GatewayTimeoutError, TransferCodingError, UpgradeRefusedError, UpstreamInvalidError } from './errors.ts'
