/** Messages over a channel that other code speaks over as well. */
export interface Envelope<Message extends object> {
  wrap (message: Message): object
  /** null: not ours. Both ends are processes of one application, so what carries our name is believed. */
  unwrap<Received extends Message> (received: unknown): Received | null
}

/** Ours are told by their name. */
export function createEnvelope<Message extends object> (name: string): Envelope<Message> {
  return {
    wrap: message => ({ [name]: message }),
    unwrap<Received extends Message> (received: unknown) {
      return received !== null && typeof received === 'object' && name in received ? (received as Record<string, Received>)[name] ?? null : null
    }
  }
}
