import type { ColumnType } from 'kysely'

/** Read as epoch milliseconds; written as a Date or ISO text. */
export type Time = ColumnType<number, Date | string, Date | string>
export type OptionalTime = ColumnType<number | null, Date | string | null | undefined, Date | string | null>
/** May be left out of an insert. */
export type Defaulted<T> = ColumnType<T, T | undefined, T>
/** Written as JSON text. */
export type Json<T> = ColumnType<T, string, string>
export type OptionalJson<T> = ColumnType<T | null, string | null | undefined, string | null>
