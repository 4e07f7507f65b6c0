import { packText, unpackText } from './packing.ts'
import type { Sealer } from './sealing.ts'

/** Seals a value as JSON, deflated where that makes it smaller. */
export function sealJson (sealer: Sealer, value: object, context?: string): Buffer {
  return sealer.seal(packText(JSON.stringify(value)), context)
}

/** What `sealJson` sealed under the same context; null: nothing that opens. */
export function openJson<Value extends object> (sealer: Sealer, sealed: Uint8Array, context?: string): Value | null {
  const packed = sealer.open(Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength), context)
  const json = packed === null ? null : unpackText(packed)
  return json === null ? null : JSON.parse(json) as Value
}
