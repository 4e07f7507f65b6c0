import type { Redis } from 'ioredis'

async function valueOf (client: Redis, key: string): Promise<Buffer[]> {
  switch (await client.type(key)) {
    case 'hash': return Object.entries(await client.hgetallBuffer(key)).flatMap(([field, value]) => [Buffer.from(field), value])
    case 'zset': return await client.zrangeBuffer(key, '0', '-1')
    case 'string': return [await client.getBuffer(key) ?? Buffer.alloc(0)]
    default: return []
  }
}

/** All that Redis holds: names, fields and values, one after the other. */
export async function dumpRedis (client: Redis): Promise<Buffer> {
  const keys = await client.keys('*')
  const parts = await Promise.all(keys.map(async key => [Buffer.from(key), ...await valueOf(client, key)]))
  return Buffer.concat(parts.flat().flatMap(part => [part, Buffer.from('\n')]))
}

/** Which of these texts can be read in it: as they are, or in the usual spellings of bytes. */
export function readable (dump: Buffer, texts: readonly string[]): string[] {
  return texts.filter(text => [text, Buffer.from(text).toString('hex'), Buffer.from(text).toString('base64url'), Buffer.from(text, 'base64url').toString('latin1')]
    .some(spelling => spelling.length > 0 && dump.includes(Buffer.from(spelling, 'latin1'))))
}
