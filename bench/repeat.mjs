const AT_ONCE = 16

/** What so many calls make, some at once. */
export async function repeat (count, make) {
  const made = []
  let next = 0
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, async () => {
    while (next < count) {
      const index = next++
      made[index] = await make(index)
    }
  }))
  return made
}
