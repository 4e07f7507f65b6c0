import { createHash, timingSafeEqual } from 'node:crypto'
import { verify } from '@node-rs/bcrypt'
import { tooManyGuesses } from './too-many-guesses.ts'
import type { PasswordEntry } from './password-file.ts'

/** Is it the password of this entry? @throws FST_OIDC_FORWARD_AUTH_GUESSES_TOO_MANY */
export type PasswordCheck = (password: string, entry: PasswordEntry) => Promise<boolean>

/** Each takes a thread of the pool that files and names of hosts are looked up with, which has four. */
const MAX_RUNNING = 2
const MAX_WAITING = 64
const SHA_PREFIX = '{SHA}'.length

async function compare (password: string, { kind, hash }: PasswordEntry): Promise<boolean> {
  switch (kind) {
    case 'bcrypt': return await verify(password, hash)
    case 'sha': return timingSafeEqual(createHash('sha1').update(password).digest(), Buffer.from(hash.slice(SHA_PREFIX), 'base64'))
  }
}

/** Off the main thread, two at once; who comes when many wait already is sent away. */
export function createPasswordCheck (): PasswordCheck {
  const waiting: Array<() => void> = []
  let running = 0

  async function takeTurn (): Promise<void> {
    if (running < MAX_RUNNING) {
      running++
      return
    }
    if (waiting.length >= MAX_WAITING) throw tooManyGuesses(1)
    await new Promise<void>(resolve => { waiting.push(resolve) })
  }

  function passTurn (): void {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }

  return async (password, entry) => {
    await takeTurn()
    try {
      return await compare(password, entry)
    } finally {
      passTurn()
    }
  }
}
