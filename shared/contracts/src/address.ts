/** Stands for the addresses that are not counted one by one, because too many call at the same time. */
export const OTHER_ADDRESSES = 'other addresses'

/**
 * What counts as one address, wherever addresses are counted: an IPv4 address, or the /64 of an IPv6 address, which is
 * what one customer has at least (RFC 6177). An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is the IPv4 address.
 */
export function addressGroup(address: string): string {
  const text = address.toLowerCase()
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (mapped) return mapped[1]!
  if (!text.includes(':') || text.endsWith('::/64')) return text
  const [left = '', right] = (text.split('%', 1)[0] ?? '').split('::', 2)
  const first = left === '' ? [] : left.split(':')
  const last = right === undefined || right === '' ? [] : right.split(':')
  const zeros = right === undefined ? 0 : Math.max(0, 8 - first.length - last.length)
  const groups = [...first, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4)
  return `${groups.map(group => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
