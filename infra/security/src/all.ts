import { type Family, type Row, runFamily } from './attack.ts'
import { http1Families } from './families/http1.ts'
import { http2Families } from './families/http2.ts'
import { jsonFamilies } from './families/json.ts'
import { placeFamilies } from './families/places.ts'
import { slowFamily } from './families/slow.ts'
import type { Target } from './target.ts'

/** Every family, or every n-th input of those that have many. */
export function allFamilies(everyNth = 1): Family[] {
  const makers = [http1Families, http2Families, jsonFamilies, placeFamilies]
  return [...makers.flatMap(make => make(everyNth)), slowFamily]
}

/** Every family, or every n-th input of those that have many; who is slow is slow while the others run. */
export async function attack(
  target: Target,
  everyNth = 1,
  onRow: (row: Row) => void = () => {},
  only = /^/,
): Promise<Row[]> {
  const tried = async (family: Family) => {
    const row = await runFamily(target, family)
    onRow(row)
    return row
  }
  const slow = only.test(slowFamily.name) ? tried(slowFamily) : undefined
  const rows: Row[] = []
  for (const family of allFamilies(everyNth)) {
    if (family !== slowFamily && only.test(family.name)) rows.push(await tried(family))
  }
  return slow ? [...rows, await slow] : rows
}
