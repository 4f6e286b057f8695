/** Response codes (RFC 1035 section 4.1.1; BADVERS RFC 6891 section 9). */
export const RCODE = Object.freeze({
  noError: 0,
  formErr: 1,
  servFail: 2,
  nxDomain: 3,
  notImp: 4,
  refused: 5,
  badVers: 16,
})

/** Record types that the gateway looks at; every other type passes through as bytes (RFC 3597). */
export const TYPE = Object.freeze({
  a: 1,
  ns: 2,
  cname: 5,
  soa: 6,
  ptr: 12,
  mx: 15,
  aaaa: 28,
  srv: 33,
  dname: 39,
  opt: 41,
  ixfr: 251,
  axfr: 252,
  any: 255,
})

export const CLASS_IN = 1

/** Header bits (RFC 1035 section 4.1.1, RFC 4035 section 3). */
export const FLAG = Object.freeze({
  qr: 0x80_00,
  opcode: 0x78_00,
  aa: 0x04_00,
  tc: 0x02_00,
  rd: 0x01_00,
  ra: 0x00_80,
  ad: 0x00_20,
  cd: 0x00_10,
  rcode: 0x00_0f,
})

/** EDNS options that concern one hop only: they are taken off before a message is passed on. */
export const OPTION = Object.freeze({
  clientSubnet: 8,
  cookie: 10,
  tcpKeepalive: 11,
  padding: 12,
  extendedError: 15,
})

/** Extended DNS Errors (RFC 8914 section 4). */
export const EXTENDED_ERROR = Object.freeze({
  other: 0,
  staleAnswer: 3,
  notReady: 14,
  prohibited: 18,
  staleNxDomain: 19,
  notAuthoritative: 20,
  noReachableAuthority: 22,
  networkError: 23,
})

export const HEADER_BYTES = 12
/** The longest DNS message (RFC 8484 section 6). */
export const MESSAGE_BYTES_MAX = 65_535
