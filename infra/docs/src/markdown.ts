import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../../..')

export interface Document {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
}

export interface Block {
  readonly document: string
  /** Of its first line, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
  /** Told in a comment before it: the test that runs what this block says, and why the block itself is not run. */
  readonly covered: { readonly test: string; readonly reason: string } | undefined
}

export interface Link {
  readonly document: string
  readonly line: number
  readonly target: string
}

/** Every Markdown file of the repository, those that are not committed yet too. */
export function documents(): Document[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '*.md']
  const paths = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\n')
  return paths
    .filter(path => path !== '' && existsSync(join(ROOT, path)))
    .map(path => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

const BLOCK = /^( *)```(\w+)\n([\s\S]*?)^\1```$/gm
const COVERED = /<!-- covered by (\S+): ([^\n]+?) -->\s*$/

/** Fenced blocks that name a language. */
export function blocksOf({ path, text }: Document): Block[] {
  return [...text.matchAll(BLOCK)].map(match => {
    const [, indent = '', language = '', body = ''] = match
    const [, test, reason] = COVERED.exec(text.slice(0, match.index)) ?? []
    return {
      document: path,
      line: lineAt(text, match.index) + 1,
      language,
      code: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      covered: test === undefined || reason === undefined ? undefined : { test, reason },
    }
  })
}

/** Links and pictures to other places of the repository. */
export function linksOf({ path, text }: Document): Link[] {
  const found = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
  return found
    .map(match => ({ document: path, line: lineAt(text, match.index), target: match[1] ?? '' }))
    .filter(({ target }) => !/^[a-z]+:/.test(target))
}

/** The anchors that GitHub makes of headings. */
export function anchorsOf({ text }: Pick<Document, 'text'>): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutCode(text).matchAll(/^#{1,6} +(.+)$/gm)) {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-')
    let anchor = slug
    for (let i = 1; anchors.has(anchor); i++) anchor = `${slug}-${i}`
    anchors.add(anchor)
  }
  return anchors
}

/** With blanks in place of fenced blocks, so that lines keep their numbers. */
function withoutCode(text: string): string {
  return text.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, block => block.replaceAll(/[^\n]/g, ' '))
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
