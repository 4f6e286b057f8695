const PATHS = {
  overview: 'M3 12h4l3-8 4 16 3-8h4',
  incidents: 'M12 3 2.500 20h19L12 3Zm0 7v4m0 3h.01',
  identities:
    'M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 10c0-4 3-6 7-6s7 2 7 6M16 3.500a4 4 0 0 1 0 7M18.500 15.500c2.200.8 3.500 2.700 3.500 5.500',
  nodes: 'M4 4h16v6H4V4Zm0 10h16v6H4v-6Zm4-7h.01M8 17h.01',
  keys: 'M12 15a4 4 0 1 1-8 0 4 4 0 0 1 8 0Zm-1-3 9-9m-3.500 3.500 3 3M14 9l2.500 2.500',
  out: 'M10 4H5v16h5M15 8l4 4-4 4m4-4H9',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm0-13v2m0 14v2m9-9h-2M5 12H3m15.400-6.400L17 7M7 17l-1.400 1.400m12.800 0L17 17M7 7 5.600 5.600',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500Z',
  system: 'M3 4h18v12H3V4Zm6 16h6m-3-4v4',
  copy: 'M9 9h11v12H9V9Zm-4 6H4V3h11v2',
  check: 'm4 12.500 5.500 5.500L20 6.500',
  plus: 'M12 5v14M5 12h14',
  right: 'm9 5 7 7-7 7',
  left: 'm15 5-7 7 7 7',
  cross: 'm6 6 12 12M18 6 6 18',
  play: 'M7 4v16l13-8L7 4Z',
  stop: 'M6 6h12v12H6V6Z',
  policy: 'M12 3 4 6v6c0 5 3.500 8 8 9 4.500-1 8-4 8-9V6l-8-3Zm-3 9 2 2 4-4',
  users: 'M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-8 10c0-4 3.500-6 8-6s8 2 8 6',
  usage: 'M4 20V10m5 10V4m5 16v-7m5 7V8',
  sessions: 'M3 5h18v11H3V5Zm5 15h8',
  forensics: 'M4 4h11v6M4 4v16h7M7.500 8h4M7.500 12h2M15 19a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm3-1 3 3',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm5-2 5 5',
} as const

export type IconName = keyof typeof PATHS

/** Decoration beside words: never the only name of a thing. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}
