/**
 * What counts as one address when tries are counted: an IPv4 address, or the /64 of an IPv6 address, which is what one
 * customer has at least (RFC 6177). An IPv4 address in IPv6 clothes (RFC 4291 section 2.5.5.2) is an IPv4 address.
 */
export function addressGroup(address: string): string {
  const text = address.toLowerCase()
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (mapped) return mapped[1]!
  if (!text.includes(':')) return text
  const [left = '', right] = (text.split('%', 1)[0] ?? '').split('::', 2)
  const first = left === '' ? [] : left.split(':')
  const last = right === undefined || right === '' ? [] : right.split(':')
  const zeros = right === undefined ? 0 : Math.max(0, 8 - first.length - last.length)
  const groups = [...first, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4)
  return `${groups.map(group => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
