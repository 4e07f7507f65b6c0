/** The cookies of every core in one server. */
export interface OwnCookies {
  /** A Cookie header without any of ours; undefined when nothing remains. */
  strip (header: string): string | undefined
  isOwn (name: string): boolean
}
