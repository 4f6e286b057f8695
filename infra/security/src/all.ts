import { type Family, type Row, runFamily } from './attack.ts'
import { http1Families } from './families/http1.ts'
import { http2Families } from './families/http2.ts'
import { jsonFamilies } from './families/json.ts'
import { placeFamilies } from './families/places.ts'
import { SLOW_CLIENTS, slowFamily } from './families/slow.ts'
import type { Target } from './target.ts'

/** Slow clients of each kind at once, who are an n-th too. */
const CROWD = 40

/** Every family, or every n-th input of those that have many. */
export function allFamilies(everyNth = 1): Family[] {
  const makers = [http1Families, http2Families, jsonFamilies, placeFamilies]
  return [...makers.flatMap(make => make(everyNth)), slowFamily(Math.ceil(CROWD / everyNth))]
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
  const families = allFamilies(everyNth).filter(({ name }) => only.test(name))
  const [beside] = families.filter(({ name }) => name === SLOW_CLIENTS)
  const slow = beside && tried(beside)
  const rows: Row[] = []
  for (const family of families) if (family !== beside) rows.push(await tried(family))
  return slow ? [...rows, await slow] : rows
}
